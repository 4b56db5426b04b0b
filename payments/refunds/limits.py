"""The amount that a merchant's key alone may give back."""

from datetime import datetime

import structlog

from apikeys.models import Tenant
from payments.refunds.models import RefundLimit

log = structlog.get_logger(__name__)


def set_limit(*, tenant_id: int, currency_code: str, amount: int | None, now: datetime) -> None:
    """Set the limit of a tenant in a currency, in minor units; None: no limit.

    Raises:
        Tenant.DoesNotExist: unknown.
    """
    tenant = Tenant.objects.get(pk=tenant_id)
    if amount is None:
        RefundLimit.objects.filter(tenant=tenant, currency_code=currency_code).delete()
    else:
        RefundLimit.objects.update_or_create(
            tenant=tenant,
            currency_code=currency_code,
            defaults={"amount": amount, "updated_at": now},
        )
    log.warning("refund limit set", tenant_id=tenant.pk, currency=currency_code, amount=amount)
