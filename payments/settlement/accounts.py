"""Which ids name one account at a gateway: a line is about payments of its own account only.

No id means the platform's account in the environment. When the platform seals its account in the
database for the first time, that account gets an id, and earlier rows still have none.
"""

from typing import Final

from django.db.models import Q

from gateways.models import GatewayAccount

ENVIRONMENT: Final = 0  # in place of no id, in lists for SQL


def ids_of(gateway_id: int, account_id: int | None) -> list[int]:
    """Return all ids of an account, the lowest first; ENVIRONMENT stands for none."""
    first = (
        GatewayAccount.objects.filter(gateway=gateway_id, tenant=None)
        .order_by("pk")
        .values_list("pk", flat=True)
        .first()
    )
    if account_id is not None and account_id != first:
        return [account_id]
    return [ENVIRONMENT] if first is None else [ENVIRONMENT, first]


def newest_id(gateway_id: int, account_id: int | None) -> int | None:
    """Return the id under which an account is called now; one that has an id keeps it."""
    return account_id or ids_of(gateway_id, None)[-1] or None


def having(ids: list[int], *, at: str = "account") -> Q:
    """Return the condition that a column names an account by one of its ids."""
    named = Q(**{f"{at}__in": [one for one in ids if one != ENVIRONMENT]})
    return named | Q(**{at: None}) if ENVIRONMENT in ids else named
