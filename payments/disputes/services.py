"""Storing disputes from gateways, with an event for the merchant."""

from datetime import datetime

from django.db import transaction

from events.outbox import services as outbox
from gateways.adapter import DisputeReport
from invoices.models import Invoice, PaymentRequest
from payments.disputes.models import Dispute
from paytrust.web.request_id import current_request_id


@transaction.atomic
def record(*, about: PaymentRequest, report: DisputeReport, now: datetime) -> Dispute:
    """Store a dispute as its gateway reports it; a closed one stays closed."""
    Invoice.objects.locked().get(pk=about.invoice_id)
    dispute, is_new = Dispute.objects.get_or_create(
        payment_request=about,
        gateway_dispute_id=report.id,
        defaults={
            "tenant_id": about.tenant_id,
            "invoice_id": about.invoice_id,
            "currency_code": report.amount.currency,
            "amount": report.amount.minor,
            "opened_at": now,
            "updated_at": now,
        },
    )
    if is_new:
        _write(dispute, report, now)
        _tell(dispute, "dispute.opened", now)
    elif dispute.closed_at is None:
        _write(dispute, report, now)
    if report.is_closed and dispute.closed_at is None:
        dispute.closed_at = now
        dispute.save(update_fields=["closed_at"])
        _tell(dispute, "dispute.closed", now)
    return dispute


def _write(dispute: Dispute, report: DisputeReport, now: datetime) -> None:
    dispute.raw_status, dispute.due_at = report.raw_status[:50], report.due_at
    dispute.reason, dispute.updated_at = (report.reason or "")[:255] or None, now
    dispute.save(update_fields=["raw_status", "due_at", "reason", "updated_at"])


def _tell(dispute: Dispute, type: str, now: datetime) -> None:  # noqa: A002  # the envelope's name
    due_at = f"{dispute.due_at:%Y-%m-%dT%H:%M:%SZ}" if dispute.due_at else None
    outbox.record(
        tenant_id=dispute.tenant_id,
        type=type,
        object={
            "id": dispute.pk,
            "invoice_id": dispute.invoice_id,
            "gateway_dispute_id": dispute.gateway_dispute_id,
            "status": dispute.raw_status,
            "reason": dispute.reason,
            "currency_code": dispute.currency_code,
            "amount": dispute.amount,
            "due_at": due_at,
        },
        invoice_id=dispute.invoice_id,
        request_id=current_request_id(),
        now=now,
    )
