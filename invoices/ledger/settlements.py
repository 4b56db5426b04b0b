"""The record of what was settled when: what reports are made of."""

from collections.abc import Sequence
from datetime import datetime

from invoices.models import (
    Installment,
    InstallmentTax,
    Invoice,
    SettlementEntry,
    SettlementTax,
)


def record(
    *,
    invoice: Invoice,
    installments: Sequence[Installment],
    kind: SettlementEntry.Kind,
    now: datetime,
) -> None:
    """Write that instalments were settled, or taken back, with their shares as they are.

    Call it in the transaction that changes them, under the invoice's lock. Three statements,
    however many instalments; none if there is nothing to write.

    Source: FR-012, FR-013, FR-056.
    """
    if not installments:
        return
    entries = SettlementEntry.objects.bulk_create(
        SettlementEntry(
            tenant_id=invoice.tenant_id,
            gateway_id=invoice.gateway_id,
            installment=installment,
            kind=kind,
            currency_code=invoice.currency_code,
            net_amount=installment.net_amount,
            tax_amount=installment.tax_amount,
            service_fee_amount=installment.service_fee_amount,
            total_amount=installment.total_amount,
            booked_at=now,
        )
        for installment in installments
    )
    entry_of = {entry.installment_id: entry for entry in entries}
    SettlementTax.objects.bulk_create(
        SettlementTax(
            entry=entry_of[share.installment_id],
            tax_rate=share.tax_rate,
            tax_amount=share.tax_amount,
        )
        for share in InstallmentTax.objects.filter(installment__in=installments)
    )
