"""Midtrans's Core API and the one call of Snap."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseNotFound

from gateways.sandbox import qr_code, simulator
from gateways.sandbox.calls import Call, gateway_call
from gateways.sandbox.messages import Answer, Refused
from gateways.sandbox.midtrans import charges, requests
from gateways.sandbox.midtrans.desk import OrderTaken
from gateways.sandbox.midtrans.dialect import CoreDialect, SnapDialect, refuse, snap_problem
from gateways.sandbox.midtrans.methods import requested
from gateways.sandbox.midtrans.refund_rules import CLOSED, NO_FUNDS, REFUND_KEY, RefundRefused
from gateways.sandbox.midtrans.refunds import RefundDenied
from gateways.sandbox.midtrans.snap import PageRefused
from gateways.sandbox.midtrans.transactions import Transaction, rupiah
from gateways.sandbox.tools import ActionRefused

TAKEN = "transaction_details.order_id has been paid and utilized, please use another order ID"
REFUND_FAULTS = {"refund_no_funds": ("414", NO_FUNDS), "refund_outside_hours": ("503", CLOSED)}

core = CoreDialect()
snap = SnapDialect()


@gateway_call(snap, "create")
def create_snap_transaction(call: Call) -> Answer:
    fields = call.fields
    if found := requests.problems(fields):
        raise Refused(snap_problem(400, *found))
    callbacks = fields.get("callbacks")
    finish_url = str(callbacks.get("finish", "")) if isinstance(callbacks, dict) else ""
    enabled = fields.get("enabled_payments")
    counter = call.simulator.midtrans.snap
    order = counter.create(
        requests.order_of(call, finish_url),
        requests.deadlines_of(fields, call.simulator.clock),
        [str(name) for name in enabled] if isinstance(enabled, list) else [],
    )
    if order is None:
        raise Refused(snap_problem(400, TAKEN))
    return Answer({"token": order.token, "redirect_url": counter.page(order)}, status=201)


@gateway_call(snap, "cancel_page")
def cancel_snap_page(call: Call) -> Answer:
    try:
        at = call.simulator.midtrans.snap.cancel(call.path["token"])
    except PageRefused as error:
        raise Refused(snap_problem(400, str(error))) from error
    return Answer({"canceled_at": requests.written_utc(at)})


@gateway_call(core, "create")
def charge(call: Call) -> Answer:
    fields, desk = call.fields, call.simulator.midtrans
    method = requested(fields)
    found = requests.problems(fields)
    if method is None:
        found = ["payment_type is required and must be supported", *found]
    if method is None or found:
        text = "One or more parameters in the payload is invalid."
        raise refuse(call, "400", text, validation_messages=found)
    options = fields.get(method.payment_type)
    options = options if isinstance(options, dict) else {}
    card = method.payment_type == "credit_card"
    if card and not options.get("token_id"):
        raise refuse(call, "411", "Token id is missing, invalid, or timed out")
    order = requests.order_of(call, str(options.get("callback_url", "")))
    if (objection := order.objection(method)) is not None:
        text = "One or more parameters in the payload is invalid."
        raise refuse(call, "400", text, validation_messages=[objection])
    expires_at = requests.custom_expiry_of(fields, call.simulator.clock)
    try:
        transaction = desk.charge(order, method, expires_at)
    except OrderTaken as error:
        raise refuse(call, "406") from error
    transaction.three_d_secure = card and options.get("authentication") is True
    desk.ledger.keep(transaction)
    if card and not transaction.three_d_secure:
        desk.pay(transaction)
    answer = charges.answer(
        transaction,
        call.simulator.accounts.midtrans,
        public_url=call.simulator.public_url,
        three_ds=transaction.three_d_secure,
    )
    if not card:
        desk.announce(transaction)
    return Answer(answer)


@gateway_call(core, "get")
def get_status(call: Call) -> Answer:
    shown = call.simulator.midtrans.shown(call.path["name"], stale=call.suffers("stale_status"))
    if shown is None:
        raise refuse(call, "404")
    return Answer(shown)


@gateway_call(core, "cancel")
def cancel(call: Call) -> Answer:
    transaction = _transaction(call)
    _do(call, lambda: call.simulator.midtrans.cancel(transaction))
    call.simulator.midtrans.snap.close(transaction.order_id)
    return _changed(call, transaction, "200", "Success, transaction is canceled")


@gateway_call(core, "expire")
def expire(call: Call) -> Answer:
    transaction = _transaction(call)
    _do(call, lambda: call.simulator.midtrans.expire(transaction))
    call.simulator.midtrans.snap.close(transaction.order_id)
    return _changed(call, transaction, "407", "Success, transaction has expired")


@gateway_call(core, "approve")
def approve(call: Call) -> Answer:
    transaction = _transaction(call)
    _do(call, lambda: call.simulator.midtrans.decide(transaction, accept=True))
    return _changed(call, transaction, "200", "Success, transaction is approved")


@gateway_call(core, "deny")
def deny(call: Call) -> Answer:
    transaction = _transaction(call)
    _do(call, lambda: call.simulator.midtrans.decide(transaction, accept=False))
    return _changed(call, transaction, "200", "Success, transaction is denied")


@gateway_call(core, "refund")
def refund(call: Call) -> Answer:
    transaction = _transaction(call)
    amount, key = call.fields.get("amount"), call.fields.get("refund_key")
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int)):
        raise refuse(call, "400", "amount must be an integer")
    if key is not None and not REFUND_KEY.fullmatch(str(key)):
        raise refuse(call, "400", "refund_key may hold letters, digits, - and _")
    for fault, (code, text) in REFUND_FAULTS.items():
        if call.suffers(fault):
            raise refuse(call, code, text)
    try:
        made = call.simulator.midtrans.refunds.create(
            transaction,
            amount=amount,
            key=None if key is None else str(key),
            reason=str(call.fields.get("reason", "")),
            denied=call.suffers("refund_fails"),
        )
    except RefundDenied as denial:
        return _denied(call, transaction, denial)
    except RefundRefused as error:
        if error.code == "406":
            body = {"status_code": "406", "status_message": str(error)}
            raise Refused(Answer(body)) from error
        raise refuse(call, error.code, str(error)) from error
    answer = _changed(call, transaction, "200", "Success, refund request is approved")
    answer.body |= {
        "refund_chargeback_id": made.number,
        "refund_amount": rupiah(made.amount),
        "refund_key": made.key,
    }
    return answer


def qr_code_image(_request: HttpRequest, name: str) -> HttpResponse:
    """Show a picture in the shape of a QR code; it needs no key, as at the gateway."""
    transaction = simulator.current().midtrans.ledger.find(name)
    if transaction is None:
        return HttpResponseNotFound()
    return HttpResponse(qr_code.picture(transaction.id), content_type="image/png")


def _transaction(call: Call) -> Transaction:
    transaction = call.simulator.midtrans.ledger.find(call.path["name"])
    if transaction is None:
        raise refuse(call, "404")
    return transaction


def _denied(call: Call, transaction: Transaction, denial: RefundDenied) -> Answer:
    answer = _changed(call, transaction, denial.code, str(denial))
    for name in ("merchant_id", "currency", "fraud_status"):
        answer.body.pop(name, None)
    answer.body |= {
        "refund_chargeback_id": denial.number,
        "refund_amount": rupiah(0),
        "refund_key": denial.key,
    }
    return answer


def _do(call: Call, step: Callable[[], None]) -> None:
    try:
        step()
    except ActionRefused as error:
        raise refuse(call, "412") from error


def _changed(call: Call, transaction: Transaction, code: str, message: str) -> Answer:
    return Answer(transaction.basics(call.simulator.accounts.midtrans, code, message))
