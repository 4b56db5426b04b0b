"""What platform administrators change about gateways: fees and accounts. Each act is recorded."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from gateways.accounts import credentials
from gateways.accounts.credentials import NoSuchAccount
from gateways.models import GatewayAccount, GatewayFee, GatewayFeeChange
from paytrust.errors import PayTrustError

FEE_CHANGED = kinds.register("fee_changed", _("changed a gateway's fee"))
CREDENTIALS_STORED = kinds.register("credentials_stored", _("stored a gateway's credentials"))
ACCOUNT_ENDED = kinds.register("account_ended", _("ended a tenant's own account with a gateway"))


class FeeOutOfRange(PayTrustError):
    """A fee is 0 to 100 per cent with at most 4 decimals, and a fixed amount of 0 or more."""

    code = "fee_out_of_range"


def change_fee(
    *,
    actor: Actor,
    fee_id: int,
    percentage: Decimal,
    fixed_amount: int,
    reason: str,
    now: datetime,
) -> GatewayFeeChange:
    """Set what a gateway charges from now on; invoices that exist keep the fee they bear.

    Args:
        actor: who changes it.
        fee_id: the gateway's fee in one currency.
        percentage: 2.5 is 2.5 per cent.
        fixed_amount: minor units of the fee's currency.
        reason: why.
        now: from when on.

    Raises:
        GatewayFee.DoesNotExist: unknown.
        FeeOutOfRange, MissingReason: nothing is changed.

    Source: FR-027, FR-054.
    """
    reason = recording.required_reason(reason)
    fee = GatewayFee.objects.get(pk=fee_id)
    with (
        recording.recorded(
            actor=actor, act=FEE_CHANGED, about=fee, reason=reason, now=now
        ) as entry,
        transaction.atomic(),
    ):
        _require_range(percentage, fixed_amount)
        fee = GatewayFee.objects.select_for_update().get(pk=fee_id)
        entry.message = (
            f"{fee.percentage} % + {fee.fixed_amount} -> {percentage} % + {fixed_amount}"
        )
        fee.percentage, fee.fixed_amount = percentage, fixed_amount
        fee.save(update_fields=["percentage", "fixed_amount"])
        return GatewayFeeChange.objects.create(
            fee=fee,
            percentage=percentage,
            fixed_amount=fixed_amount,
            changed_at=now,
            changed_by=actor.user.get_username(),
            reason=reason,
        )


def store_credentials(
    *,
    actor: Actor,
    gateway_code: str,
    tenant_id: int | None,
    secrets: Mapping[str, str],
    is_another_account: bool,
    now: datetime,
) -> GatewayAccount:
    """Keep new secrets of an account, or use another account for new payments from now on.

    Raises:
        WrongCredentials: a name is missing, unknown, or its value is empty.
    """
    with recording.recorded(
        actor=actor,
        act=CREDENTIALS_STORED,
        about=GatewayAccount,
        tenant_id=tenant_id,
        now=now,
    ) as entry:
        write = credentials.replace if is_another_account else credentials.store
        account = write(
            gateway_code=gateway_code, tenant_id=tenant_id, credentials=secrets, now=now
        )
        entry.object_id = account.pk
        entry.message = "another account" if is_another_account else "new secrets"
    return account


def end_account(*, actor: Actor, account: GatewayAccount, reason: str, now: datetime) -> None:
    """Open a tenant's new payments with the platform's account again.

    Raises:
        MissingReason: say why.
        NoSuchAccount: it is the platform's, or has ended.
    """
    reason = recording.required_reason(reason)
    with recording.recorded(
        actor=actor,
        act=ACCOUNT_ENDED,
        about=account,
        reason=reason,
        tenant_id=account.tenant_id,
        now=now,
    ):
        if account.tenant_id is None:
            raise NoSuchAccount
        credentials.end(gateway_code=account.gateway.code, tenant_id=account.tenant_id, now=now)


def _require_range(percentage: Decimal, fixed_amount: int) -> None:
    exponent = percentage.as_tuple().exponent
    too_fine = not isinstance(exponent, int) or exponent < -4
    if too_fine or not 0 <= percentage <= 100 or fixed_amount < 0:
        raise FeeOutOfRange
