"""Faults to make: which, how often, and for which calls and webhooks."""

import itertools
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

API_FAULTS = {
    "timeout",
    "created_but_timeout",
    "connection_reset",
    "http_500",
    "http_503",
    "html_502",
    "html_429",
    "rate_limit",
    "slow",
    "new_enum",
    "missing_field",
    "extra_field",
    "stale_status",
    "id_swap",
    "uppercase_status",
    "refund_fails",
    "refund_no_funds",
    "refund_outside_hours",
    "refund_channel_down",
    "refund_stays_pending",
    "settlement_missing",
    "settlement_doubled",
    "settlement_other_fee",
    "settlement_other_amount",
    "settlement_late",
    "settlement_unlisted",
    "settlement_column_renamed",
    "report_fails",
}
SETTLEMENT_FAULTS = {
    "settlement_missing",
    "settlement_doubled",
    "settlement_other_fee",
    "settlement_other_amount",
    "settlement_late",
    "settlement_unlisted",
    "settlement_column_renamed",
}
"""They stay for as long as their rule does, in each list or file that is asked for."""
WEBHOOK_FAULTS = {
    "webhook_duplicate",
    "webhook_out_of_order",
    "expire_after_paid",
    "paid_after_expired",
    "webhook_late",
    "webhook_lost",
    "webhook_bad_signature",
    "bad_token",
    "no_token",
    "wrong_env_key",
    "tampered_status",
    "replay_as_settlement",
    "amount_no_decimals",
    "fee_imposed",
    "chargeback_unlisted",
    "double_encoded",
    "form_encoded",
    "empty_body",
    "get",
    "unknown_order",
}
MIDTRANS_ONLY = {
    "id_swap",
    "uppercase_status",
    "tampered_status",
    "replay_as_settlement",
    "amount_no_decimals",
    "fee_imposed",
    "chargeback_unlisted",
    "settlement_column_renamed",
}
XENDIT_ONLY = {
    "paid_after_expired",
    "refund_channel_down",
    "refund_stays_pending",
    "settlement_unlisted",
    "report_fails",
}
OF_THE_PAYMENT = {
    "paid_after_expired",
    "fee_imposed",
    "chargeback_unlisted",
}  # these change the payment, not a webhook

# These faults have an effect only at certain moments, so their rules wait for these moments.
ROUTES = {
    "created_but_timeout": {"create", "refund"},
    "refund_fails": {"refund"},
    "refund_no_funds": {"refund"},
    "refund_outside_hours": {"refund"},
    "refund_channel_down": {"refund"},
    "refund_stays_pending": {"refund"},
    "report_fails": {"report"},
    **{fault: {"settlement"} for fault in SETTLEMENT_FAULTS},  # of no call: a row suffers them
    "stale_status": {"get", "list"},
    "id_swap": {"get"},
    "uppercase_status": {"get"},
    "new_enum": {"create", "get", "list"},
    "missing_field": {"create", "get", "list"},
}
MOMENTS = {
    "webhook_out_of_order": {"paid", "refunded"},
    "expire_after_paid": {"paid"},
    "paid_after_expired": {"expiring"},
    "replay_as_settlement": {"refunded"},
    "fee_imposed": {"paying"},
    "chargeback_unlisted": {"charging_back"},
    "tampered_status": {"pending", "paid"},
}
# A merchant who trusts Midtrans's `pending` would ask at once, and would then know the state in
# spite of the fault.
UNHEARD = {
    "webhook_late",
    "webhook_lost",
    "webhook_bad_signature",
    "bad_token",
    "no_token",
    "wrong_env_key",
    "double_encoded",
    "form_encoded",
    "empty_body",
    "get",
    "unknown_order",
}
ANY_MOMENT = {
    "paid",
    "expired",
    "failed",
    "cancelled",
    "refunded",
    "reversed",
    "disputed",
    "test",
}

MARKERS = {
    "~sim.timeout": "timeout",
    "~sim.created_but_timeout": "created_but_timeout",
    "~sim.500": "http_500",
    "~sim.dup": "webhook_duplicate",
    "~sim.ooo": "webhook_out_of_order",
    "~sim.late": "webhook_late",
}


class UnknownFault(ValueError):
    """There is no such fault at that gateway, or the rule is not well formed."""


@dataclass(frozen=True, slots=True)
class Payment:
    """The payment of a call or a webhook."""

    gateway: str
    reference: str
    external_id: str  # the merchant's order number, known before any id


@dataclass
class Rule:
    """A fault that waits for the next calls or webhooks that match it."""

    gateway: str
    fault: str
    times: int = 1
    delay_s: float | None = None
    match: dict[str, str] = field(default_factory=dict)  # route, event, and patterns
    options: dict[str, Any] = field(default_factory=dict)
    id: int = 0

    def fits(self, about: "Payment", *, moment: str, event: str) -> bool:
        """Return whether the rule fits this call (`moment` is its route) or this webhook."""
        return self.concerns(about) and self._fits_moment(moment, event)

    def concerns(self, about: "Payment") -> bool:
        return (
            self.gateway == about.gateway
            and fnmatchcase(about.reference, self.match.get("reference", "*"))
            and fnmatchcase(about.external_id, self.match.get("external_id", "*"))
        )

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": self.id,
            "gateway": self.gateway,
            "fault": self.fault,
            "times": self.times,
            "delay_s": self.delay_s,
            "match": self.match,
        }
        return shown | self.options

    def _fits_moment(self, moment: str, event: str) -> bool:
        if self.fault in API_FAULTS:
            wanted = self.match.get("route")
            allowed = {wanted} if wanted else ROUTES.get(self.fault, {moment})
            return moment in allowed
        named = self.match.get("event")
        if named:
            return named.lower() in {moment, event.lower()}
        # A rule for one webhook stays for the webhooks that follow from the payment.
        hides = moment == "pending" and self.fault in UNHEARD and self.times > 1
        return hides or moment in MOMENTS.get(self.fault, ANY_MOMENT)


class FaultBook:
    """The active rules; each use of a rule lowers its `times` by one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._rules: list[Rule] = []
        self._external_ids: dict[tuple[str, str], str] = {}

    def add(self, rule: Rule) -> Rule:
        with self._lock:
            rule.id = next(self._numbers)
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def rules(self) -> list[dict[str, Any]]:
        with self._lock:
            return [rule.shown() for rule in self._rules]

    def know(self, *, gateway: str, reference: str, external_id: str) -> None:
        """Remember which order of the merchant has this reference."""
        with self._lock:
            self._external_ids[gateway, reference] = external_id

    def reset(self) -> None:
        """Drop every rule and every order number."""
        self.clear()
        with self._lock:
            self._external_ids.clear()

    def for_call(
        self, *, gateway: str, route: str, reference: str, external_id: str | None = None
    ) -> Rule | None:
        """Use up one fault for an API call; a marker in the reference works at each creation.

        `external_id` is given when the payment is created, and is remembered for later calls.
        """
        if external_id is not None:
            self.know(gateway=gateway, reference=reference, external_id=external_id)
        with self._lock:
            about = self._payment(gateway, reference)
            for rule in self._rules:
                if rule.fault in API_FAULTS and rule.fits(about, moment=route, event=route):
                    return self._used(rule)
        if route == "create":
            marked = _marked(gateway, reference, API_FAULTS)
            return marked[0] if marked else None
        return None

    def for_webhook(
        self, *, gateway: str, moment: str, event: str, reference: str, only: str = ""
    ) -> list[Rule]:
        """Use up one of each fault that fits this webhook, the oldest first."""
        with self._lock:
            waiting = [*self._rules, *_marked(gateway, reference, WEBHOOK_FAULTS)]
            about = self._payment(gateway, reference)
            chosen: dict[str, Rule] = {}
            for rule in waiting:
                if (
                    rule.fault in WEBHOOK_FAULTS
                    and rule.fault not in chosen
                    and (rule.fault == only if only else rule.fault not in OF_THE_PAYMENT)
                    and rule.fits(about, moment=moment, event=event)
                ):
                    chosen[rule.fault] = self._used(rule)
        return list(chosen.values())

    def expects(self, fault: str, *, gateway: str, reference: str) -> bool:
        """Return whether a rule of that kind waits for this payment, without using it up."""
        with self._lock:
            waiting = [*self._rules, *_marked(gateway, reference, {fault})]
            about = self._payment(gateway, reference)
        return any(rule.fault == fault and rule.concerns(about) for rule in waiting)

    def _payment(self, gateway: str, reference: str) -> Payment:
        return Payment(gateway, reference, self._external_ids.get((gateway, reference), ""))

    def _used(self, rule: Rule) -> Rule:
        rule.times -= 1
        if rule.times <= 0 and rule.id:
            self._rules = [other for other in self._rules if other is not rule]
        return rule


def rule_from(fields: dict[str, Any]) -> Rule:
    """Read a rule from the fields of a request.

    Raises:
        UnknownFault: the gateway or the fault does not exist, or a value has the wrong form.
    """
    given = dict(fields)
    gateway, fault = given.pop("gateway", None), _name(given.pop("fault", None))
    if gateway not in ("xendit", "midtrans"):
        raise UnknownFault('gateway must be "xendit" or "midtrans"')
    missing = XENDIT_ONLY if gateway == "midtrans" else MIDTRANS_ONLY
    if fault not in API_FAULTS | WEBHOOK_FAULTS or fault in missing:
        known = sorted((API_FAULTS | WEBHOOK_FAULTS) - missing)
        raise UnknownFault(f"{gateway} has no fault {fault!r}; there are: {', '.join(known)}")
    match = given.pop("match", None) or {}
    if not isinstance(match, dict) or not all(isinstance(one, str) for one in match.values()):
        raise UnknownFault("match must be an object of texts: route, reference, external_id, event")
    if (external_id := given.pop("external_id", None)) is not None:
        match = match | {"external_id": str(external_id)}
    try:
        times = int(given.pop("times", 1))
        delay = given.pop("delay_s", None)
        delay_s = None if delay is None else float(delay)
    except (TypeError, ValueError) as error:
        raise UnknownFault("times and delay_s must be numbers") from error
    if times < 1 or (delay_s is not None and delay_s < 0):
        raise UnknownFault("times must be at least 1 and delay_s at least 0")
    return Rule(
        gateway=gateway, fault=fault, times=times, delay_s=delay_s, match=match, options=given
    )


def _name(fault: object) -> str:
    """Accept names of webhook faults with and without their prefix `webhook_`."""
    name = str(fault)
    if name not in API_FAULTS | WEBHOOK_FAULTS:
        bare = name.removeprefix("webhook_")
        name = bare if bare in WEBHOOK_FAULTS else f"webhook_{name}"
    return name if name in API_FAULTS | WEBHOOK_FAULTS else str(fault)


def _marked(gateway: str, reference: str, wanted: set[str]) -> list[Rule]:
    return [
        Rule(gateway=gateway, fault=fault)
        for marker, fault in MARKERS.items()
        if fault in wanted and marker in reference
    ]
