"""Webhooks before they are sent, and how a fault rule changes them."""

import copy
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from gateways.sandbox.deliveries import Parcel
from gateways.sandbox.faults import Rule
from gateways.sandbox.messages import encode

DEFAULT_COPIES = 3
DEFAULT_LATENESS = timedelta(hours=1)  # the speed divides it


@dataclass
class Letter:
    """One webhook, whose fields are encoded only when it is sent."""

    event: str
    reference: str
    url: str
    headers: dict[str, str]
    fields: dict[str, Any]
    encoding: str = "json"
    copies: int = 1
    concurrently: bool = False
    delay: timedelta = timedelta(0)
    lost: bool = False

    def copy(self, **changes: object) -> "Letter":
        duplicate = copy.deepcopy(self)
        for name, value in changes.items():
            setattr(duplicate, name, value)
        return duplicate

    def parcels(self, gateway: str, lane: str) -> list[Parcel]:
        headers = dict(self.headers)
        method, body = _encoded(self.encoding, self.fields, headers)
        parcel = Parcel(
            gateway=gateway,
            event=self.event,
            reference=self.reference,
            url=self.url,
            headers=headers,
            body=body,
            method=method,
            delay=self.delay,
            lost=self.lost,
            lane=lane,
            copies=self.copies if self.concurrently else 1,
        )
        return [parcel] if self.concurrently else [parcel] * self.copies


Effect = Callable[[Letter], Iterable[Letter]]


@dataclass
class Effects:
    """How faults change the letters of one gateway, beyond what is the same for both."""

    by_fault: dict[str, Effect] = field(default_factory=dict)


def apply(rules: Iterable[Rule], letter: Letter, effects: Effects, speed: float) -> list[Letter]:
    """Return the letters to send in place of this one, in order."""
    letters = [letter]
    for rule in rules:
        special = effects.by_fault.get(rule.fault)
        if special is not None:
            letters = [*special(letters[0]), *letters[1:]]
        else:
            for one in letters:
                _spoil(one, rule, speed)
    return letters


def _spoil(letter: Letter, rule: Rule, speed: float) -> None:
    match rule.fault:
        case "webhook_lost":
            letter.lost = True
        case "webhook_late":
            letter.delay = (
                DEFAULT_LATENESS / speed
                if rule.delay_s is None
                else timedelta(seconds=rule.delay_s)
            )
        case "webhook_duplicate":
            letter.copies = max(2, int(rule.options.get("copies", DEFAULT_COPIES)))
            letter.concurrently = bool(rule.options.get("concurrently", True))
        case "double_encoded" | "form_encoded" | "empty_body" | "get":
            letter.encoding = rule.fault


def _encoded(encoding: str, fields: dict[str, Any], headers: dict[str, str]) -> tuple[str, bytes]:
    body = encode(fields)
    match encoding:
        case "double_encoded":
            return "POST", json.dumps(body.decode()).encode()
        case "form_encoded":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return "POST", urlencode(fields).encode()
        case "empty_body":
            return "POST", b""
        case "get":
            return "GET", b""
    return "POST", body
