"""How acts of staff ended, in words."""

from collections.abc import Iterator

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts.recording import DONE
from paytrust.errors import PayTrustError, first_line

ENDS: dict[str | None, Promise] = {
    None: _("Has not ended"),
    DONE: _("Done"),
    "internal_error": _("Failed for a reason that PayTrust does not know"),
}


def text_of(outcome: str | None) -> str:
    """Return how an act ended, in the reader's language.

    A refusal is stored as the code of its error, and read as the page read then. A code that is no
    longer known stays.
    """
    if outcome in ENDS:
        return str(ENDS[outcome])
    for error in _all(PayTrustError):
        if error.code == outcome:
            said = error.for_staff
            return gettext(str(said)) if said else first_line(error.__doc__)
    return str(outcome)


def _all(error: type[PayTrustError]) -> Iterator[type[PayTrustError]]:
    yield error
    for one in error.__subclasses__():
        yield from _all(one)
