"""The control API: tests and the console use it to command the sandbox."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils.dateparse import parse_datetime

from gateways.sandbox import pages, simulator, triggers
from gateways.sandbox.accounts import ProductionKey, UnknownSetting
from gateways.sandbox.clock import real_now
from gateways.sandbox.deliveries import UnknownDelivery
from gateways.sandbox.faults import UnknownFault, rule_from
from gateways.sandbox.latency import Latency
from gateways.sandbox.messages import Answer, MalformedBody, fields_of
from gateways.sandbox.simulator import Simulator

DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class InvalidCommand(ValueError):
    """A field of the command is missing or has the wrong form."""


Fields = dict[str, Any]
Command = Callable[[Simulator, Fields], Answer]
View = Callable[..., HttpResponse]


def commands(**of_methods: Command) -> View:
    """Make a view of one command per HTTP method."""

    def view(request: HttpRequest) -> HttpResponse:
        command = of_methods.get(str(request.method))
        if command is None:
            return HttpResponseNotAllowed(list(of_methods))
        return _answered(request, lambda: command(simulator.current(), fields_of(request)))

    return view


def add_fault(sandbox: Simulator, fields: Fields) -> Answer:
    rule = sandbox.faults.add(rule_from(fields))
    return Answer(rule.shown(), status=HTTPStatus.CREATED)


def list_faults(sandbox: Simulator, _fields: Fields) -> Answer:
    return Answer(sandbox.faults.rules())


def clear_faults(sandbox: Simulator, _fields: Fields) -> Answer:
    sandbox.faults.clear()
    return Answer([])


def list_charges(sandbox: Simulator, _fields: Fields) -> Answer:
    return Answer(sandbox.charges())


def set_limit(sandbox: Simulator, fields: Fields) -> Answer:
    """Set how many calls a minute a gateway accepts at each endpoint; 0 is no limit."""
    gateway, per_minute = fields.get("gateway"), fields.get("per_minute")
    if gateway not in ("xendit", "midtrans"):
        raise InvalidCommand('gateway must be "xendit" or "midtrans"')
    if not str(per_minute).isdecimal():
        raise InvalidCommand("per_minute must be a whole number, 0 for no limit")
    sandbox.accounts.change({gateway: {"rate_limit_per_minute": int(str(per_minute))}})
    sandbox.limiter.reset()
    return show_limits(sandbox, fields)


def show_limits(sandbox: Simulator, _fields: Fields) -> Answer:
    accounts = sandbox.accounts
    return Answer(
        {
            "xendit": accounts.xendit.rate_limit_per_minute,
            "midtrans": accounts.midtrans.rate_limit_per_minute,
            "calls": sandbox.limiter.counted(),
        }
    )


def set_latency(sandbox: Simulator, fields: Fields) -> Answer:
    """Delay every API answer of a gateway, or of both if the command names none."""
    given = dict(fields)
    gateway = given.pop("gateway", None)
    if gateway not in (None, *sandbox.latency):
        raise InvalidCommand('gateway must be "xendit" or "midtrans"')
    try:
        latency = Latency(**{name: float(value) for name, value in given.items()})
    except (TypeError, ValueError) as error:
        raise InvalidCommand("p50_ms, p99_ms and fault_rate must be numbers") from error
    for name in sandbox.latency if gateway is None else [gateway]:
        sandbox.latency[name] = latency
    return show_latency(sandbox, fields)


def show_latency(sandbox: Simulator, _fields: Fields) -> Answer:
    return Answer({name: latency.shown() for name, latency in sandbox.latency.items()})


def reset(sandbox: Simulator, fields: Fields) -> Answer:
    seed = fields.get("seed")
    if seed is not None and not str(seed).lstrip("-").isdecimal():
        raise InvalidCommand("seed must be an integer")
    sandbox.reset(None if seed is None else int(seed))
    return show_state(sandbox, {})


def set_clock(sandbox: Simulator, fields: Fields) -> Answer:
    """Move simulated time. Everything that becomes due in that time has happened when this answers.

    With `everyone`, PayTrust's clock moves as far, in stacks that `make up` started.
    """
    clock = sandbox.clock
    everyone = str(fields.get("everyone", False)).lower() in {"true", "1", "on"}
    if everyone and not clock.leads_the_merchant:
        raise InvalidCommand("nobody follows this clock; `make up` starts a stack that does")
    if "set" in fields:
        target = _moment(str(fields["set"]))
        merchants = target - real_now()
    elif "advance" in fields:
        target = _later(clock.now(), str(fields["advance"]))
        merchants = clock.merchants_offset() + _duration(str(fields["advance"]))
    else:
        raise InvalidCommand('give "advance", such as "25h", or "set"')
    if everyone:
        clock.set_merchant(merchants)
    sandbox.agenda.travel(target)
    sandbox.keep_clock()
    return show_clock(sandbox, fields)


def show_clock(sandbox: Simulator, _fields: Fields) -> Answer:
    clock = sandbox.clock
    merchants = real_now() + clock.merchants_offset()
    return Answer({"now": _written(clock.now()), "paytrust": _written(merchants)})


def set_config(sandbox: Simulator, fields: Fields) -> Answer:
    sandbox.accounts.change(fields)
    return show_config(sandbox, fields)


def show_config(sandbox: Simulator, _fields: Fields) -> Answer:
    return Answer(sandbox.accounts.shown())


def show_state(sandbox: Simulator, _fields: Fields) -> Answer:
    charges = sandbox.charges()
    return Answer(
        {
            "now": _written(sandbox.clock.now()),
            "config": sandbox.accounts.shown(),
            "latency": {name: latency.shown() for name, latency in sandbox.latency.items()},
            "faults": sandbox.faults.rules(),
            "charges": charges,
            "deliveries": len(sandbox.courier.log()),
        }
    )


def list_deliveries(sandbox: Simulator, _fields: Fields) -> Answer:
    return Answer(sandbox.courier.log())


def resend(request: HttpRequest, number: int) -> HttpResponse:
    """Send a webhook one more time."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])

    def command() -> Answer:
        delivery = simulator.current().courier.resend(number)
        return Answer(delivery.shown(), status=HTTPStatus.ACCEPTED)

    return _answered(request, command)


def press(request: HttpRequest) -> HttpResponse:
    """Press a button on the page of the payment with the id `id`."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])

    def command() -> Answer:
        name = str(fields_of(request).get("id", ""))
        counter = pages.counter_of(name)
        if counter is None:
            raise InvalidCommand(f"there is no payment called {name!r}")
        return pages.perform(request, counter)[1]

    return _answered(request, command)


def trigger(request: HttpRequest) -> HttpResponse:
    """Do to the payment of one of PayTrust's invoices what a customer, a bank or a clerk does."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    return _answered(request, lambda: triggers.carry_out(simulator.current(), fields_of(request)))


def send_test(sandbox: Simulator, fields: Fields) -> Answer:
    """Send the test of the gateway's dashboard, which names a payment that does not exist."""
    match fields.get("gateway"):
        case "xendit":
            sandbox.xendit.mail.test()
        case "midtrans":
            sandbox.midtrans.mail.test()
        case _:
            raise InvalidCommand('gateway must be "xendit" or "midtrans"')
    return Answer({"sent": True}, status=HTTPStatus.ACCEPTED)


REFUSALS: dict[type[Exception], HTTPStatus] = {
    InvalidCommand: HTTPStatus.BAD_REQUEST,
    UnknownFault: HTTPStatus.BAD_REQUEST,
    UnknownSetting: HTTPStatus.BAD_REQUEST,
    ProductionKey: HTTPStatus.BAD_REQUEST,
    MalformedBody: HTTPStatus.BAD_REQUEST,
    UnknownDelivery: HTTPStatus.NOT_FOUND,
    triggers.UnknownInvoice: HTTPStatus.NOT_FOUND,
    triggers.UnknownEvent: HTTPStatus.BAD_REQUEST,
    **pages.REFUSALS,
}


def _answered(request: HttpRequest, command: Callable[[], Answer]) -> HttpResponse:
    try:
        answer = command()
        if request.method == "POST" and answer.status < 300 and pages.wants_html(request):
            return redirect("/control/")
        return answer.response()
    except tuple(REFUSALS) as error:
        body = {"error": type(error).__name__, "message": str(error)}
        return Answer(body, status=REFUSALS[type(error)]).response()


def _moment(text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:  # the form is right, but the day or hour does not exist
        at = None
    if at is None:
        raise InvalidCommand("set must be an ISO 8601 time")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _later(now: datetime, text: str) -> datetime:
    try:
        return now + _duration(text)
    except OverflowError as error:
        raise InvalidCommand("advance leads beyond the year 9999") from error


def _duration(text: str) -> timedelta:
    spans = list(DURATION.finditer(text.strip()))
    if not spans or "".join(span.group() for span in spans) != text.strip():
        raise InvalidCommand('advance must be a duration such as "90s", "25h" or "1d"')
    return sum(
        (timedelta(**{UNITS[span["unit"]]: float(span["number"])}) for span in spans),
        timedelta(0),
    )


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
