"""What happened in an interval that staff may want to hear of. No text of it is a secret."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apikeys.models import StaffProposal
from apikeys.people import limits
from apikeys.staff_acts import kinds
from events.models import WebhookEndpoint
from payments.models import Dispute, Proposal, WebhookEvent
from paytrust.staff import display, roles
from reporting.models import AuditRun
from reporting.notices.models import NoticeProfile

MOST_NAMED: Final = 10  # of each kind in a mail; its list has the rest
COUNTED: Final = 1_000
Kind = NoticeProfile.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What happened of one kind: how many, the first few, and the address of their list."""

    kind: str
    count: int
    lines: Sequence[str]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    permission: str
    rows: Callable[[datetime, datetime], QuerySet[Any]]
    line: Callable[[Any], str]
    list_name: str
    query: str = ""
    is_of_platform: bool = False  # so it is not for those who are bound to tenants


def happened(*, kind: str, since: datetime, until: datetime) -> Happened | None:
    """Return what happened of a kind from `since` until just before `until`; None: nothing.

    The reader's rights and tenants count: raise the wall of bound staff first.
    """
    source = _SOURCES[Kind(kind)]
    rows = source.rows(since, until)
    count = len(rows.order_by().values_list("pk")[:COUNTED])
    if count == 0:
        return None
    return Happened(
        kind=kind,
        count=count,
        lines=[source.line(row) for row in rows.order_by("pk")[:MOST_NAMED]],
        path=reverse(f"admin:{source.list_name}") + source.query,
    )


def kinds_for(user: User) -> list[Kind]:
    """Return the kinds of notices that a member of staff may choose."""
    is_bound = bool(limits.tenant_ids_of(user))
    return [
        kind
        for kind, source in _SOURCES.items()
        if user.has_perm(source.permission) and not (is_bound and source.is_of_platform)
    ]


def _between(column: str, since: datetime, until: datetime) -> dict[str, datetime]:
    return {f"{column}__gte": since, f"{column}__lt": until}


def _proposals(since: datetime, until: datetime) -> QuerySet[Any]:
    rows = Proposal.objects.waiting().filter(**_between("proposed_at", since, until))
    return rows.select_related("tenant")


def _proposal(row: Proposal) -> str:
    of = row.tenant.name if row.tenant else display.EMPTY
    return f"{row.get_act_display()} ({of}, {_invoice(row.invoice_id)})"


def _failed(since: datetime, until: datetime) -> QuerySet[Any]:
    rows = WebhookEvent.objects.filter(
        status=WebhookEvent.Status.FAILED, **_between("processed_at", since, until)
    )
    return rows.select_related("gateway").defer("body", "headers")


def _disputes(since: datetime, until: datetime) -> QuerySet[Any]:
    rows = Dispute.objects.filter(**_between("opened_at", since, until))
    return rows.select_related("tenant")


def _dispute(row: Dispute) -> str:
    amount = display.plain_money(row.amount, row.currency_code)
    return f"{amount} ({row.tenant.name}, {_invoice(row.invoice_id)})"


def _invoice(number: int | None) -> str:
    return _("Invoice %(number)s") % {"number": number or display.EMPTY}


def _endpoints(since: datetime, until: datetime) -> QuerySet[Any]:
    rows = WebhookEndpoint.objects.filter(
        status=WebhookEndpoint.Status.DISABLED, **_between("disabled_at", since, until)
    )
    return rows.exclude(disabled_reason=WebhookEndpoint.Reason.MERCHANT).select_related("tenant")


def _audits(since: datetime, until: datetime) -> QuerySet[Any]:
    return AuditRun.objects.filter(finding_count__gt=0, **_between("started_at", since, until))


def _audit(row: AuditRun) -> str:
    found = ngettext("%(count)s finding", "%(count)s findings", row.finding_count)
    return f"{row.started_at:%Y-%m-%d %H:%M} UTC: {found % {'count': row.finding_count}}"


_SOURCES: Final[dict[Kind, _Source]] = {
    Kind.PROPOSAL: _Source(
        permission="payments.view_proposal",
        rows=_proposals,
        line=_proposal,
        list_name="payments_proposal_changelist",
        query="?status__exact=open",
    ),
    Kind.STAFF_PROPOSAL: _Source(
        permission=roles.ADMINISTER,
        rows=lambda since, until: StaffProposal.objects.open().filter(
            **_between("proposed_at", since, until)
        ),
        line=lambda row: f"{kinds.text_of(row.kind)} ({row.subject})",
        list_name="apikeys_staffproposal_changelist",
        query="?status__exact=open",
    ),
    Kind.FAILED: _Source(
        permission="payments.view_webhookevent",
        rows=_failed,
        line=lambda row: f"{row.gateway}: {row.reference or display.EMPTY}",
        list_name="payments_webhookevent_changelist",
        query="?status__exact=failed",
    ),
    Kind.DISPUTE: _Source(
        permission="payments.view_dispute",
        rows=_disputes,
        line=_dispute,
        list_name="payments_dispute_changelist",
    ),
    Kind.ENDPOINT: _Source(
        permission="events.view_webhookendpoint",
        rows=_endpoints,
        line=lambda row: f"{row.tenant.name}: {row.get_disabled_reason_display()}",
        list_name="events_webhookendpoint_changelist",
        query="?status__exact=disabled",
    ),
    Kind.BOOKS: _Source(
        permission="reporting.view_closedday",
        rows=_audits,
        line=_audit,
        list_name="index",
        is_of_platform=True,
    ),
}
