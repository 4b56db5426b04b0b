"""Why an attempt failed, for staff: attempts keep it in English, as merchants read it."""

import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

KNOWN: dict[str, Promise] = {  # patterns, and texts that have their groups
    r"the answer was HTTP (?P<status>\d+)": _("the answer was HTTP %(status)s"),
    r"the answer is no HTTP: (?P<why>.+)": _("the answer is no HTTP: %(why)s"),
    r"no whole answer within (?P<seconds>\d+) s": _("no whole answer within %(seconds)s s"),
    r"the connection was closed without an answer": _(
        "the connection was closed without an answer"
    ),
    r"the connection broke: (?P<why>.+)": _("the connection broke: %(why)s"),
    r"no connection within (?P<seconds>\d+) s": _("no connection within %(seconds)s s"),
    r"no connection: (?P<why>.+)": _("no connection: %(why)s"),
    r"no TLS handshake within (?P<seconds>\d+) s": _("no TLS handshake within %(seconds)s s"),
    r"no TLS handshake: (?P<why>.+)": _("no TLS handshake: %(why)s"),
    r"the certificate is not valid: (?P<why>.+)": _("the certificate is not valid: %(why)s"),
    r"the name could not be looked up within (?P<seconds>\d+) s": _(
        "the name could not be looked up within %(seconds)s s"
    ),
    r"the name could not be looked up: (?P<why>.+)": _("the name could not be looked up: %(why)s"),
    r"(?P<host>\S+) has no address\.": _("%(host)s has no address."),
    r"(?P<host>\S+) is no address\.": _("%(host)s is no address."),
    r"(?P<host>\S+) leads to an address where webhooks cannot go\.": _(
        "%(host)s leads to an address where webhooks cannot go."
    ),
    r"This is no https:// URL of printable ASCII characters\.": _(
        "This is no https:// URL of printable ASCII characters."
    ),
    r"Webhooks cannot go to PayTrust itself\.": _("Webhooks cannot go to PayTrust itself."),
    r"Webhooks cannot go to this machine itself\.": _("Webhooks cannot go to this machine itself."),
}


def in_words(error: str) -> str:
    """Return why an attempt failed, in the reader's language; in English where it is not known."""
    for pattern, text in KNOWN.items():
        if found := re.fullmatch(pattern, error):
            return str(text) % found.groupdict()
    return error
