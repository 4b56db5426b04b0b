"""What platform administrators change about gateways: fees and accounts.

Each takes two people and is recorded; secrets are sealed while they wait.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.keys import selectors as apikeys
from apikeys.staff_acts import kinds as trail
from apikeys.staff_acts.recording import Actor
from apikeys.two_people import kinds, proposals
from apikeys.two_people.kinds import Done, Order
from apikeys.two_people.models import StaffProposal
from apikeys.two_people.proposals import Overtaken
from gateways.accounts import credentials
from gateways.accounts.credentials import NoSuchAccount
from gateways.models import GatewayAccount, GatewayFee, GatewayFeeChange
from paytrust.errors import PayTrustError
from paytrust.staff import display

FEE_CHANGED = trail.register("fee_changed", _("changed a gateway's fee"))
CREDENTIALS_STORED = trail.register("credentials_stored", _("stored a gateway's credentials"))
ACCOUNT_ENDED = trail.register("account_ended", _("ended a tenant's own account with a gateway"))


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
) -> StaffProposal | Done:
    """Set what a gateway charges from now on; existing invoices keep their fee.

    Args:
        actor: who changes it.
        fee_id: the gateway's fee in one currency.
        percentage: 2.5 is 2.5 per cent.
        fixed_amount: minor units of the fee's currency.
        reason: why.
        now: from when on, if it need not wait for a second person.

    Raises:
        GatewayFee.DoesNotExist: unknown.
        FeeOutOfRange, MissingReason, AlreadyWaits: nothing is changed.

    Source: FR-027, FR-054.
    """
    fee = GatewayFee.objects.select_related("gateway").get(pk=fee_id)
    return proposals.request(
        actor=actor,
        kind=FEE,
        about=fee,
        subject=f"{fee.gateway.name} {fee.currency_code}",
        details={"percentage": str(percentage), "fixed_amount": fixed_amount},
        before=_said_of(fee),
        reason=reason,
        now=now,
    )


def store_credentials(
    *,
    actor: Actor,
    gateway_code: str,
    tenant_id: int | None,
    secrets: Mapping[str, str],
    is_another_account: bool,
    reason: str = "",
    now: datetime,
) -> StaffProposal | Done:
    """Keep new secrets of an account, or use another account for new payments from now on.

    Raises:
        WrongCredentials: a name is missing, unknown, or its value is empty.
        MissingReason, AlreadyWaits: nothing is changed.
    """
    what = "another account" if is_another_account else "new secrets"
    tenant = apikeys.tenant_by_id(tenant_id=tenant_id) if tenant_id is not None else None
    return proposals.request(
        actor=actor,
        kind=CREDENTIALS,
        about=GatewayAccount,
        subject=f"{gateway_code} {tenant.name if tenant else PLATFORM}",
        details={"gateway_code": gateway_code, "what": what},
        secrets=secrets,
        tenant_id=tenant_id,
        reason=reason or what,
        now=now,
    )


def end_account(
    *, actor: Actor, account: GatewayAccount, reason: str, now: datetime
) -> StaffProposal | Done:
    """Open a tenant's new payments with the platform's account again.

    Raises:
        MissingReason, AlreadyWaits: nothing is changed.
        NoSuchAccount: it is the platform's, or has ended.
    """
    owner = account.tenant.name if account.tenant else PLATFORM
    return proposals.request(
        actor=actor,
        kind=ENDING,
        about=account,
        subject=f"{account.gateway.code} {owner}",
        details={"gateway_code": account.gateway.code},
        tenant_id=account.tenant_id,
        reason=reason,
        now=now,
    )


PLATFORM = "(platform)"


def _said_of(fee: GatewayFee) -> dict[str, str | int]:
    return {"percentage": str(fee.percentage), "fixed_amount": fee.fixed_amount}


def _require_range(order: Order) -> None:
    percentage, fixed_amount = Decimal(order.details["percentage"]), order.details["fixed_amount"]
    exponent = percentage.as_tuple().exponent
    too_fine = not isinstance(exponent, int) or exponent < -4
    if too_fine or not 0 <= percentage <= 100 or fixed_amount < 0:
        raise FeeOutOfRange


def _set_fee(order: Order) -> Done:
    fee = GatewayFee.objects.select_for_update().get(pk=order.row_id)
    if _said_of(fee) != order.before:
        raise Overtaken
    before = f"{fee.percentage} % + {fee.fixed_amount}"
    fee.percentage = Decimal(order.details["percentage"])
    fee.fixed_amount = order.details["fixed_amount"]
    fee.save(update_fields=["percentage", "fixed_amount"])
    GatewayFeeChange.objects.create(
        fee=fee,
        percentage=fee.percentage,
        fixed_amount=fee.fixed_amount,
        changed_at=order.now,
        changed_by=order.by[:150],
        reason=order.reason,
    )
    return Done(message=f"{before} -> {fee.percentage} % + {fee.fixed_amount}")


def _require_names(order: Order) -> None:
    credentials.require_names(order.details["gateway_code"], order.secrets)


def _store(order: Order) -> Done:
    is_another = order.details["what"] == "another account"
    write = credentials.replace if is_another else credentials.store
    account = write(
        gateway_code=order.details["gateway_code"],
        tenant_id=order.tenant_id,
        credentials=order.secrets,
        now=order.now,
    )
    return Done(message=order.details["what"], object_id=account.pk)


def _require_a_tenants(order: Order) -> None:
    if order.tenant_id is None:
        raise NoSuchAccount


def _end(order: Order) -> Done:
    assert order.tenant_id is not None, "checked before"
    credentials.end(
        gateway_code=order.details["gateway_code"], tenant_id=order.tenant_id, now=order.now
    )
    return Done()


def _fee_in_words(proposal: StaffProposal) -> list[str]:
    fee = GatewayFee.objects.get(pk=proposal.object_id or 0)
    before, after = proposal.before or {}, proposal.details
    return [
        gettext("%(before)s becomes %(after)s, for invoices from then on.")
        % {"before": _fee_text(before, fee), "after": _fee_text(after, fee)}
    ]


def _fee_text(said: Mapping[str, Any], fee: GatewayFee) -> str:
    percentage = display.quantity(Decimal(said["percentage"]))
    return f"{percentage} % + {display.plain_money(said['fixed_amount'], fee.currency_code)}"


def _credentials_in_words(proposal: StaffProposal) -> list[str]:
    if proposal.details["what"] == "another account":
        return [gettext("New payments are opened with another account; open ones stay.")]
    return [gettext("The account gets new secrets. They are sealed, and shown to nobody.")]


FEE = kinds.register(code=FEE_CHANGED, apply=_set_fee, describe=_fee_in_words, check=_require_range)
CREDENTIALS = kinds.register(
    code=CREDENTIALS_STORED, apply=_store, describe=_credentials_in_words, check=_require_names
)
ENDING = kinds.register(
    code=ACCOUNT_ENDED,
    apply=_end,
    describe=lambda _proposal: [
        gettext("New payments go by the platform's account; open ones stay.")
    ],
    check=_require_a_tenants,
)
