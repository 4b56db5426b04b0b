"""Who gives a receipt: a merchant, with what the law knows it by. Another app may know more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # an app's config may import this module before models are loaded
    from apikeys.models import Tenant


@dataclass(frozen=True, slots=True)
class Issuer:
    """A merchant as it stands on a receipt."""

    name: str
    facts: Callable[[], Sequence[str]] = list  # asked for in the language of the receipt


IssuerOf = Callable[["Tenant"], Issuer]
_known: list[IssuerOf] = []


def use(issuer_of: IssuerOf) -> None:
    """Let an app say what stands on receipts about a merchant; the last one counts."""
    _known.append(issuer_of)


def issuer_of(tenant: "Tenant") -> Issuer:
    """Return a merchant as it stands on its receipts."""
    return _known[-1](tenant) if _known else Issuer(tenant.name)
