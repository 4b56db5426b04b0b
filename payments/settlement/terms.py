"""What an account's gateway takes by contract, and when it settles; two people change it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import kinds as trail
from apikeys.staff_acts.recording import Actor
from apikeys.two_people import kinds, proposals
from apikeys.two_people.kinds import Done, Order
from apikeys.two_people.models import StaffProposal
from apikeys.two_people.proposals import Overtaken
from gateways.models import Gateway, GatewayAccount
from payments.settlement.matching import FeeTerm
from payments.settlement.models import SettlementTerms
from paytrust.errors import PayTrustError
from paytrust.staff import display

TERM_SET = trail.register("settlement_term_set", _("changed the settlement terms of an account"))

Fee = Mapping[str, Any]
"""A FeeTerm as it is stored."""


class SettlementTermMissing(PayTrustError):
    """The account has no such term, so it cannot be removed."""

    status = HTTPStatus.CONFLICT
    code = "settlement_term_missing"
    for_staff = _("The account has no such term, so it cannot be removed.")


def change_term(
    *,
    actor: Actor,
    gateway: Gateway,
    account: GatewayAccount | None,
    term: FeeTerm,
    is_removed: bool,
    reason: str,
    now: datetime,
) -> StaffProposal | Done:
    """Set or remove what the gateway takes of payments in a currency and channel.

    Lines that are compared from then on are compared with it; lines of before keep their state.

    Raises:
        SettlementTermMissing: there is nothing to remove.
        MissingReason, AlreadyWaits: nothing is changed.
    """
    terms = SettlementTerms.objects.filter(gateway=gateway, account=account).first()
    whose = str(account) if account else f"{gateway} (platform)"
    return proposals.request(
        actor=actor,
        kind=TERM,
        about=SettlementTerms,
        subject=f"{whose} {term.currency} {term.channel or '*'}",
        details={
            "gateway_id": gateway.pk,
            "account_id": account.pk if account else None,
            "term": asdict(term),
            "is_removed": is_removed,
        },
        before=dict(_same(terms.fees if terms else (), asdict(term)) or {}),
        tenant_id=account.tenant_id if account else None,
        reason=reason,
        now=now,
    )


def text_of(fee: Fee) -> str:
    """Return a term as staff read it."""
    others = gettext("all other methods")
    taken = f"{_percent(fee['basis_points'])} + "
    taken += display.plain_money(fee["fixed_amount"], fee["currency"])
    vat = gettext("VAT %(percent)s") % {"percent": _percent(fee["vat_basis_points"])}
    days = fee.get("settlement_days")
    settled = "" if days is None else f", T+{days}"
    return f"{fee['currency']} {fee['channel'] or others}: {taken}, {vat}{settled}"


def _percent(basis_points: int) -> str:
    return f"{display.quantity(Decimal(basis_points) / 100)} %"


def _same(fees: Sequence[Fee], term: Fee) -> Fee | None:
    """Return the term of the same currency and channel, if there is one."""
    name = (term["currency"], term["channel"])
    return next((fee for fee in fees if (fee["currency"], fee["channel"]) == name), None)


def _require_known(order: Order) -> None:
    if order.details["is_removed"] and not order.before:
        raise SettlementTermMissing


def _set(order: Order) -> Done:
    whose = {
        "gateway_id": order.details["gateway_id"],
        "account_id": order.details["account_id"],
    }
    new = {"tenant_id": order.tenant_id, "updated_at": order.now}
    SettlementTerms.objects.get_or_create(**whose, defaults=new)
    terms = SettlementTerms.objects.select_for_update().get(**whose)
    term = order.details["term"]
    known = _same(terms.fees, term)
    if dict(known or {}) != (order.before or {}):
        raise Overtaken
    terms.fees = [fee for fee in terms.fees if fee != known]
    if not order.details["is_removed"]:
        terms.fees.append(term)
    terms.updated_at = order.now
    terms.save(update_fields=["fees", "updated_at"])
    said = "-" if order.details["is_removed"] else text_of(term)
    return Done(message=f"{text_of(known) if known else '-'} -> {said}", object_id=terms.pk)


def _in_words(proposal: StaffProposal) -> list[str]:
    before, details = proposal.before, proposal.details
    nothing = gettext("no term")
    after = nothing if details["is_removed"] else text_of(details["term"])
    return [
        gettext("%(before)s becomes %(after)s, for lines that are compared from then on.")
        % {"before": text_of(before) if before else nothing, "after": after}
    ]


TERM = kinds.register(code=TERM_SET, apply=_set, describe=_in_words, check=_require_known)
