"""The payment pages: forms for people, POST for programs."""

from datetime import timedelta
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.loader import render_to_string

from gateways.sandbox import simulator
from gateways.sandbox.amounts import InvalidAmount
from gateways.sandbox.counter import Counter, Deed, UnknownAction
from gateways.sandbox.messages import Answer, MalformedBody, fields_of
from gateways.sandbox.midtrans.counter import MidtransCounter
from gateways.sandbox.tools import ActionRefused, UnknownMethod
from gateways.sandbox.xendit.counter import XenditCounter

REFUSALS: dict[type[Exception], HTTPStatus] = {
    ActionRefused: HTTPStatus.CONFLICT,
    UnknownAction: HTTPStatus.BAD_REQUEST,
    UnknownMethod: HTTPStatus.BAD_REQUEST,
    InvalidAmount: HTTPStatus.BAD_REQUEST,
    MalformedBody: HTTPStatus.BAD_REQUEST,
}


def xendit_page(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """Show an invoice, or do the action of one of its buttons."""
    sandbox = simulator.current()
    invoice = sandbox.xendit.find(invoice_id)
    if invoice is None or invoice.id != invoice_id:
        return _gone(request)
    return _page(request, XenditCounter(sandbox, invoice))


def snap_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show a Snap order; an older token of the same order no longer works."""
    sandbox = simulator.current()
    order = sandbox.midtrans.snap.by_token(token)
    if order is None:
        return _gone(request)
    return _page(request, MidtransCounter(sandbox, snap_order=order))


def midtrans_page(request: HttpRequest, transaction_id: str) -> HttpResponse:
    """Show one transaction: wallets, 3-D Secure, and "enter the VA number"."""
    sandbox = simulator.current()
    transaction = sandbox.midtrans.ledger.find(transaction_id)
    if transaction is None or transaction.id != transaction_id:
        return _gone(request)
    return _page(request, MidtransCounter(sandbox, transaction=transaction))


def counter_of(name: str) -> Counter | None:
    """Find a payment by any of its names: id, token or reference."""
    sandbox = simulator.current()
    if (invoice := sandbox.xendit.find(name)) is not None:
        return XenditCounter(sandbox, invoice)
    snap = sandbox.midtrans.snap
    transaction = sandbox.midtrans.ledger.find(name)
    order = snap.by_token(name) or snap.by_order(name)
    if order is None and transaction is not None:
        order = snap.by_order(transaction.order_id)
    if order is not None and (transaction is None or transaction is order.current):
        return MidtransCounter(sandbox, snap_order=order)
    return None if transaction is None else MidtransCounter(sandbox, transaction=transaction)


def perform(request: HttpRequest, counter: Counter) -> tuple[Deed | None, Answer]:
    """Do the action in the request's fields; the answer is for a program."""
    action = ""
    try:
        fields = fields_of(request)
        action = str(fields.get("action", ""))
        amount, method = fields.get("amount"), fields.get("method")
        deed = counter.act(
            action,
            amount=None if amount is None else str(amount),
            method=None if method is None else str(method),
        )
    except tuple(REFUSALS) as error:
        status = REFUSALS[type(error)]
        body = {"error": type(error).__name__, "message": str(error), "action": action}
        return None, Answer(body, status=status)
    return deed, Answer(deed.shown(action))


def wants_html(request: HttpRequest) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _page(request: HttpRequest, counter: Counter) -> HttpResponse:
    if request.method in {"GET", "HEAD"}:
        return _shown(request, counter)
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "POST"])
    deed, answer = perform(request, counter)
    if not wants_html(request):
        return answer.response()
    if deed is None:
        return _shown(request, counter, error=answer.body["message"], status=answer.status)
    if deed.error:
        return _shown(request, counter, error=deed.error)
    response = redirect(deed.redirect_url or request.path)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def _shown(
    request: HttpRequest, counter: Counter, *, error: str = "", status: int = HTTPStatus.OK
) -> HttpResponse:
    view = counter.view()
    left = timedelta(0)
    if view.expires_at is not None:
        left = max(left, view.expires_at - simulator.current().clock.now())
    context = {
        "view": view,
        "error": error,
        "path": request.path,
        "seconds_left": int(left.total_seconds()),
        "time_left": str(left).partition(".")[0],
    }
    page = render_to_string("sandbox/payment.html", context)
    return HttpResponse(page, status=status)


def _gone(request: HttpRequest) -> HttpResponse:
    if wants_html(request):
        return HttpResponse(render_to_string("sandbox/gone.html"), status=HTTPStatus.NOT_FOUND)
    body = {"error": "not_found", "message": "there is no such payment page"}
    return Answer(body, status=HTTPStatus.NOT_FOUND).response()
