"""The merchant's event about a mismatch, in the transaction that finds it (spec 9.1)."""

from datetime import datetime

from events.outbox import services as outbox
from payments.settlement.models import SettlementMismatch
from payments.settlement.serializers import MismatchResponse
from paytrust.web.request_id import current_request_id


def tell(*, mismatch: SettlementMismatch, now: datetime) -> None:
    """Write settlement.mismatch; a line of which no merchant is known writes no event."""
    if mismatch.tenant_id is None:
        return
    booked = mismatch.transaction
    outbox.record(
        tenant_id=mismatch.tenant_id,
        type="settlement.mismatch",
        object=MismatchResponse(mismatch).data,
        invoice_id=booked.invoice_id if booked else None,
        request_id=current_request_id(),
        now=now,
    )
