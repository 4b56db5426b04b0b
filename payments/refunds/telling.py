"""The merchant's events about refunds, in the transaction of their change (spec 9.1)."""

from datetime import datetime

from events.outbox import services as outbox
from payments.refunds.models import Refund
from payments.refunds.serializers import RefundResponse
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
