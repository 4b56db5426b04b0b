"""One API call at a simulated gateway: first delay, limit, key and fault, then the answer."""

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase

from gateways.sandbox import connection, simulator
from gateways.sandbox.faults import Rule
from gateways.sandbox.idempotency import IdempotencyKeys, KeyInUse
from gateways.sandbox.messages import Answer, MalformedBody, Refused, decode_object

READING = {
    "get",
    "list",
    "get_refund",
    "list_refunds",
    "transactions",
    "mutation",
    "get_report",
    "get_charge",
}  # GET routes; the others are POST
HANG_SECONDS = 60.0
SLOW_SECONDS = 3.0
GATEWAY_TIMEOUT_PAGE = "<html><body><h1>504 Gateway Time-out</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and what is known about it before it is answered."""

    request: HttpRequest
    simulator: "simulator.Simulator"
    route: str
    path: Mapping[str, str]
    fields: dict[str, Any] = field(default_factory=dict)
    fault: Rule | None = None

    def suffers(self, fault: str) -> bool:
        return self.fault is not None and self.fault.fault == fault


class Dialect(Protocol):
    """The differences between the two gateways, and between Midtrans's two APIs."""

    gateway: str

    def secret(self, sandbox: "simulator.Simulator") -> str: ...
    def unauthorized(self, sandbox: "simulator.Simulator") -> Answer: ...
    def malformed(self) -> Answer: ...
    def failure(self, status: int) -> Answer: ...
    def rate_limited(self, reset_seconds: float) -> Answer: ...
    def concurrent(self) -> Answer: ...
    def over_limit(self, call: Call) -> Answer | None: ...
    def headers(self, call: Call) -> dict[str, str]: ...
    def external_id(self, call: Call) -> str: ...
    def reference(self, call: Call) -> str: ...
    def idempotency(self, call: Call) -> tuple[IdempotencyKeys, str] | None: ...
    def spoil(self, body: dict[str, Any], rule: Rule, sandbox: "simulator.Simulator") -> None: ...


View = Callable[[Call], Answer]


def gateway_call(dialect: Dialect, route: str) -> Callable[[View], Callable[..., HttpResponseBase]]:
    """Make a Django view of a function that takes a call and returns its answer."""
    method = "GET" if route in READING else "POST"

    def decorate(view: View) -> Callable[..., HttpResponseBase]:
        def serve(request: HttpRequest, **path: str) -> HttpResponseBase:
            sandbox = simulator.current()
            call = Call(request=request, simulator=sandbox, route=route, path=path)
            response = (
                _serve(dialect, view, call)
                if request.method == method
                else HttpResponseNotAllowed([method])
            )
            for name, value in dialect.headers(call).items():
                response.headers.setdefault(name, value)
            return response

        return serve

    return decorate


def _serve(dialect: Dialect, view: View, call: Call) -> HttpResponseBase:
    sandbox = call.simulator
    latency = sandbox.latency[dialect.gateway]
    if (delay := latency.delay_seconds(sandbox.identifiers)) > 0:
        time.sleep(delay)
    if latency.fault_rate and sandbox.identifiers.chance(latency.fault_rate):
        return dialect.failure(503).response()
    if (refusal := dialect.over_limit(call)) is not None:
        return refusal.response()
    if _presented_key(call.request) != dialect.secret(sandbox):
        return dialect.unauthorized(sandbox).response()
    try:
        fields = decode_object(call.request.body)
    except MalformedBody:
        return dialect.malformed().response()
    call = Call(call.request, sandbox, call.route, call.path, fields)
    kept = dialect.idempotency(call)
    if kept is None:
        return _suffer(dialect, view, call)
    return _serve_once(dialect, view, call, *kept)


def _serve_once(
    dialect: Dialect, view: View, call: Call, keys: IdempotencyKeys, key: str
) -> HttpResponseBase:
    try:
        earlier = keys.claim(key, call.simulator.clock.now())
    except KeyInUse:
        return dialect.concurrent().response()
    if earlier is not None:
        return earlier.response()

    def remembering(call: Call) -> Answer:
        with call.simulator.lock:  # the act and its answer are stored in one step
            answer = view(call)
            if _successful(answer):
                keys.keep(key, answer)
        return answer

    try:
        return _suffer(dialect, remembering, call)
    finally:
        keys.release(key)


def _suffer(dialect: Dialect, view: View, call: Call) -> HttpResponseBase:
    rule = call.simulator.faults.for_call(
        gateway=dialect.gateway,
        route=call.route,
        reference=dialect.reference(call),
        external_id=dialect.external_id(call) if call.route == "create" else None,
    )
    if rule is None:
        return _answer(view, call).response()
    call = Call(call.request, call.simulator, call.route, call.path, call.fields, rule)
    carried_out_first = rule.fault == "created_but_timeout" or bool(rule.options.get("created"))
    if not carried_out_first and (response := _instead(dialect, call, rule)) is not None:
        return response
    answer = _answer(view, call)
    if carried_out_first and (response := _instead(dialect, call, rule)) is not None:
        return response
    if rule.fault == "connection_reset":  # in mid-answer; see _instead for the other kinds
        return connection.reset_half_way(call.request, answer.response())
    if answer.status < 300 and answer.text is None:
        for body in answer.body if isinstance(answer.body, list) else [answer.body]:
            dialect.spoil(body, rule, call.simulator)
    return answer.response()


def _instead(dialect: Dialect, call: Call, rule: Rule) -> HttpResponseBase | None:
    """Return the answer of the fault if the fault replaces the real answer, else None."""
    match rule.fault:
        case "timeout" | "created_but_timeout":
            connection.hang(call.request, HANG_SECONDS if rule.delay_s is None else rule.delay_s)
            return Answer(
                text=GATEWAY_TIMEOUT_PAGE, status=504, content_type="text/html"
            ).response()
        case "connection_reset" if not rule.options.get("half_way"):
            return connection.reset(call.request)
        case "http_500" | "http_503":
            return dialect.failure(int(rule.fault.removeprefix("http_"))).response()
        case "html_502" | "html_429":
            return _page(int(rule.fault.removeprefix("html_"))).response()
        case "rate_limit":
            return dialect.rate_limited(1.0 if rule.delay_s is None else rule.delay_s).response()
        case "slow":
            time.sleep(SLOW_SECONDS if rule.delay_s is None else rule.delay_s)
    return None


def html_limited() -> Answer:
    """Return the HTML page with which the gateway's network refuses too many calls."""
    return _page(429)


def _page(status: int) -> Answer:
    text = f"<html><body><h1>{status} {HTTPStatus(status).phrase}</h1></body></html>"
    return Answer(text=text, status=status, content_type="text/html")


def _answer(view: View, call: Call) -> Answer:
    try:
        return view(call)
    except Refused as refusal:
        return refusal.answer


def _successful(answer: Answer) -> bool:
    code = str(answer.body.get("status_code", "200")) if isinstance(answer.body, dict) else "200"
    return answer.status < 300 and (code.startswith("2") or code == "407")


def _presented_key(request: HttpRequest) -> str | None:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None
