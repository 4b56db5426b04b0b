"""Keeping and removing the filters of lists that a member of staff uses often."""

from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from paytrust.errors import PayTrustError
from reporting.saved_filters.models import SavedFilter

MOST: Final = 20  # of a person for one list
LONGEST_NAME: Final = 40  # characters
LONGEST_QUERY: Final = 1000
OF_A_VISIT: Final = {"p", "e", "all", "_popup"}  # the page, an error: no filters


class FilterNotKept(PayTrustError):
    """A filter needs a name, narrows its list, and is one of at most 20 of a list."""

    status = HTTPStatus.BAD_REQUEST
    code = "filter_not_kept"
    for_staff = _("Give the filter a name of at most 40 letters. At most 20 are kept for a list.")


def filters_of(*, user: User, list_name: str) -> QuerySet[SavedFilter]:
    """Return what a member of staff keeps for a list, by name."""
    return SavedFilter.objects.filter(user=user, list_name=list_name).order_by("name")


def keep(*, user: User, list_name: str, name: str, query: str, now: datetime) -> SavedFilter:
    """Keep how a list is narrowed; a filter of this name is replaced.

    Raises:
        FilterNotKept: it has no name, narrows nothing, is too long, or is one too many.
    """
    name, query = " ".join(name.split()), normalized(query)
    if not 0 < len(name) <= LONGEST_NAME or not 0 < len(query) <= LONGEST_QUERY:
        raise FilterNotKept
    if "\x00" in name or "%00" in query:  # PostgreSQL keeps none
        raise FilterNotKept
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two at once are counted
        others = filters_of(user=user, list_name=list_name).exclude(name=name)
        if others.count() >= MOST:
            raise FilterNotKept
        kept, _made = SavedFilter.objects.update_or_create(
            user=user,
            list_name=list_name,
            name=name,
            defaults={"query": query, "created_at": now},
        )
    return kept


def remove(*, user: User, filter_id: int) -> SavedFilter:
    """Remove a filter of one's own, and return it.

    Raises:
        SavedFilter.DoesNotExist: unknown, or another person's.
    """
    found = SavedFilter.objects.get(user=user, pk=filter_id)
    found.delete()
    return found


def normalized(query: str) -> str:
    """Return the query of an address in one order, without what belongs to a visit."""
    return urlencode(sorted(_narrowing(parse_qsl(query.removeprefix("?")))))


def _narrowing(asked: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in asked if name not in OF_A_VISIT]
