"""The merchant's events about refunds, in the transaction of their change (spec 9.1)."""

from datetime import datetime

from events.outbox import services as outbox
from events.outbox.types import Change
from payments.refunds.models import Refund
from payments.refunds.serializers import RefundResponse
from paytrust.operations.trips import Statement
from paytrust.web.request_id import current_request_id


def tell(*, refund: Refund, type: str, now: datetime) -> None:  # noqa: A002  # the envelope's name
    """Write one event, such as refund.succeeded, with the refund as GET shows it."""
    outbox.record(
        tenant_id=refund.tenant_id,
        type=type,
        object=RefundResponse(refund).data,
        invoice_id=refund.invoice_id,
        request_id=current_request_id(),
        now=now,
    )


def created(*, refund: Refund, type: str, now: datetime) -> Statement:  # noqa: A002  # the same
    """Return what writes the event of a refund that the same trip makes."""
    shown = RefundResponse(refund).data | {"id": outbox.UNKNOWN_ID}
    return outbox.recording(
        tenant_id=refund.tenant_id,
        changes=[Change(type=type, object=shown, previous={})],
        now=now,
        request_id=current_request_id(),
        invoice_id=refund.invoice_id,
        of_new=True,
    )
