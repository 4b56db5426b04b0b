"""What the theme says on our pages and has in neither Indonesian nor Malay, for the catalogs."""

from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext_lazy

TEXTS = (
    _(" By %(filter_title)s "),
    _("Apply Filters"),
    _("Cancel"),
    _("Dark"),
    _("Expand row"),
    _("False"),
    _("Filters"),
    _("General"),
    _("Go back"),
    _("Hide counts"),
    _("Light"),
    _("More actions"),
    _("Run"),
    _("Select action"),
    _("Select action to run"),
    _("Select all rows"),
    _("Select record"),
    _("Select value"),
    _("Show counts"),
    _("Submit"),
    _("System"),
    _("Toggle password visibility"),
    _("True"),
    _("Type to search"),
    _("Welcome"),
    ngettext_lazy("Please correct the error below.", "Please correct the errors below."),
    _("You have been successfully logged out from the administration"),
)
