"""What the theme and Django say on our pages in neither Indonesian nor Malay, for the catalogs."""

from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext_lazy

TEXTS = (
    _(" By %(filter_title)s "),
    _("Apply Filters"),
    _("Cancel"),
    _("Choose file to upload"),
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
    # On the pages of accounts; the marks are the theme's.
    _("After you've created a user, you’ll be able to edit more user options."),  # noqa: RUF001
    _("Password-based authentication"),
    _(
        "Raw passwords are not stored, so there is no way to see this user’s password, but you can"  # noqa: RUF001
        " change the password using"
        ' <a href="{}" class="text-primary-600 dark:text-primary-500">this form</a>.'
    ),
    _(
        "Whether the user will be able to authenticate using a password or not. If disabled,"
        " they may still be able to authenticate using other backends, such as Single Sign-On or"
        " LDAP."
    ),
)
