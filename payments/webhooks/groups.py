"""Failed notifications by why they failed and which payment they claim to be about."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Max, Min

from invoices.models import PaymentRequest
from payments.models import WebhookEvent
from payments.webhooks import readings
from payments.webhooks.readings import Claim
from paytrust.staff.bulk import MOST

GROUPS_SHOWN: Final = 100  # those with the newest notifications


class NewestIds(ArrayAgg):
    """The ids of the newest rows of a group, as many as one act takes."""

    template = f"(%(function)s(%(distinct)s%(expressions)s %(order_by)s))[1:{MOST}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Failed notifications of one gateway that failed for one reason and claim the same payment."""

    newest: WebhookEvent
    count: int
    first_at: datetime
    last_at: datetime
    ids: list[int]  # newest first, at most MOST
    claim: Claim  # of the newest
    invoice_id: int | None  # of the payment that has the claimed reference


@dataclass(frozen=True, slots=True)
class Failure:
    """All groups that failed for one reason at one gateway."""

    newest: WebhookEvent
    groups: list[Group]

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def ids(self) -> list[int]:
        """Return the ids for one act on all of them, as many as it takes."""
        return [pk for group in self.groups for pk in group.ids][:MOST]


def failures() -> list[Failure]:
    """Return the failed notifications in their groups, those with the newest first; 3 queries."""
    found = list(
        WebhookEvent.objects.filter(status=WebhookEvent.Status.FAILED)
        .values("outcome", "gateway_id", "reference")
        .annotate(
            count=Count("pk"),
            first_at=Min("received_at"),
            last_at=Max("received_at"),
            newest_id=Max("pk"),
            ids=NewestIds("pk", order_by="-pk"),
        )
        .order_by("-last_at", "-newest_id")[:GROUPS_SHOWN]
    )
    return list(_failures(_groups(found)))


def _groups(found: Sequence[Mapping[str, Any]]) -> Iterator[Group]:
    newest = WebhookEvent.objects.select_related("gateway").in_bulk(
        [one["newest_id"] for one in found]
    )
    invoices = dict(
        PaymentRequest.objects.filter(
            reference__in={one["reference"] for one in found if one["reference"]}
        ).values_list("reference", "invoice_id")
    )
    for one in found:
        event = newest[one["newest_id"]]
        yield Group(
            newest=event,
            count=one["count"],
            first_at=one["first_at"],
            last_at=one["last_at"],
            ids=one["ids"],
            claim=readings.said_by(event),
            invoice_id=invoices.get(one["reference"]),
        )


def _failures(groups: Iterable[Group]) -> Iterator[Failure]:
    """Yield the groups by why they failed; the order of the newest stays."""
    places: dict[tuple[str, int], int] = {}
    ordered = list(groups)
    for group in ordered:
        places.setdefault(_alike(group), len(places))
    ordered.sort(key=lambda group: places[_alike(group)])
    for _key, alike in groupby(ordered, key=_alike):
        several = list(alike)
        yield Failure(several[0].newest, several)


def _alike(group: Group) -> tuple[str, int]:
    return group.newest.outcome or "", group.newest.gateway_id
