"""Which caller works on a payment request now, and how other callers are refused meanwhile."""

import functools
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from invoices.models import Invoice, InvoiceQuerySet
from invoices.payment_requests import transitions
from invoices.payment_requests.models import PaymentRequest
from paytrust.errors import PayTrustError
from paytrust.operations import locking
from paytrust.operations.trips import Statement


class PaymentInProgress(PayTrustError):
    """Another call is changing this invoice right now. Try again in a moment."""

    status = HTTPStatus.CONFLICT
    code = "payment_in_progress"
    for_staff = _("A payment of this invoice is being worked on. Try again in a minute.")
    resumable = True


in_locked_transaction = locking.in_locked_transaction(held=PaymentInProgress)
"""Runs a write that locks an invoice; see `paytrust.operations.locking`."""


def require_free(payment_request: PaymentRequest, now: datetime) -> None:
    """Refuse a payment request about which another caller is asking its gateway.

    Raises:
        PaymentInProgress: another caller is.
    """
    if payment_request.is_leased(now):
        raise PaymentInProgress


def lock_of(invoice_id: int, *, tenant_id: int | None) -> Statement:
    """Return what takes an invoice's row lock in a trip, as `.locked(nowait=True)` does.

    Args:
        invoice_id: its id.
        tenant_id: whose it must be, or no row is locked; None: anybody's.
    """
    sql = lock_sql(InvoiceQuerySet.locked, is_bound=tenant_id is not None)
    return Statement(sql, {"id": invoice_id, "tenant": tenant_id})


@functools.cache
def lock_sql(locked: Callable[..., InvoiceQuerySet], *, is_bound: bool) -> str:
    """Return the SQL of `lock_of`, which the ORM makes once for each way to lock.

    A test takes the lock away.
    """
    rows = locked(Invoice.objects.filter(pk=0), nowait=True).only("pk")
    if not is_bound:
        return locking.lock_sql(rows, "id")
    sql = locking.lock_sql(rows.filter(tenant=0), "id", "tenant")
    own = '"invoices_invoice"."tenant_id" = %(tenant)s'
    return sql.replace(own, f"({own}) IS TRUE")  # by the id alone, as in `invoices.selectors`


def claim_checks(*, now: datetime, until: datetime, limit: int) -> list[int]:
    """Return the ids of payments that are due to be asked about, each to one caller.

    Args:
        now: when they are due.
        until: when they are due again, should their tasks be lost.
        limit: how many at most.
    """
    return locking.claim(
        PaymentRequest.objects.to_check(now),
        by="next_check_at",
        taken=lambda ids: transitions.checks_handed_out(ids, until=until),
        limit=limit,
    )


def claim_closings(*, now: datetime, limit: int) -> list[int]:
    """Return the ids of payments whose closing is due to be tried again, each to one caller."""
    return locking.claim(
        PaymentRequest.objects.left_closing(now).filter(next_check_at__lte=now),
        by="next_check_at",
        taken=lambda ids: transitions.closings_handed_out(ids, now=now),
        limit=limit,
    )


def resume_closing(*, tenant: Tenant, invoice_id: int, now: datetime) -> PaymentRequest | None:
    """Lease the payment that a crash or a failed change left `closing`, if there is one."""
    left = PaymentRequest.objects.for_tenant(tenant).filter(invoice=invoice_id).left_closing(now)
    current = left.select_related("gateway").first()
    if current is None or not transitions.closing_resumed(payment_request=current, now=now):
        return None
    return current
