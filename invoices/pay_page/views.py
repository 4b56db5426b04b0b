"""Our own payment page, for payments whose gateway has none: what to pay, how, and how it stands.

Everybody who has the address may see the page. So the address cannot be guessed and is hidden from
search engines and other sites, and the page shows only what is needed to pay.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from apikeys.limits import throttling
from invoices.invoices import selectors
from invoices.models import InvoiceStatus, PaymentRequest
from invoices.pay_page import instructions
from invoices.pay_page import texts as pay_texts
from invoices.pay_page.texts import Texts
from invoices.receipts import document as receipt_document
from invoices.receipts import selectors as receipts
from paytrust.money import Money
from paytrust.web import pdf, problems, strict_json

PENDING, PAID, EXPIRED, CANCELLED = "pending", "paid", "expired", "cancelled"
RECEIPTS_A_MINUTE = 20  # of an address: one of 500 lines takes 160 ms of CPU
TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")  # anything else is not worth a query
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self'{images}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """How a payment stands, for the customer who pays it."""

    state: str
    merchant: str
    gateway: str
    amount: str
    description: str | None
    reference: str
    expires_at: datetime
    deadline: str
    seconds_left: int
    back_url: str | None  # the merchant's, for how it ended
    current_url: str | None  # another page, if this one has been replaced
    status_path: str
    receipt_path: str | None  # once a payment was booked


@problems.read_only
def show(request: HttpRequest, page_token: str) -> HttpResponse:
    """Show the page, in English or Bahasa Indonesia."""
    texts = pay_texts.chosen(
        asked_for=request.GET.get("lang"), accepted=request.headers.get("Accept-Language", "")
    )
    payment = _payment(page_token)
    if payment is None:
        return _html("pay/missing.html", {"texts": texts}, status=HTTPStatus.NOT_FOUND)
    page = _page(payment, texts, timezone.now())
    means = instructions.means_of(payment, texts, page.amount) if page.state == PENDING else None
    return _html(
        "pay/payment.html",
        {
            "page": page,
            "texts": texts,
            "means": means,
            "languages": pay_texts.LANGUAGES.values(),
            "receipt_languages": receipt_document.LANGUAGES.items(),
            "title": texts.titles[page.state].format(page=page),
            "lead": texts.leads[page.state].format(page=page),
            "back": texts.back.format(merchant=page.merchant),
            "handled_by": texts.handled_by.format(gateway=page.gateway),
            "open_app": texts.open_app.format(app=means.app) if means else None,
        },
        images=_origin(means.qr_image_url) if means and means.qr_image_url else "",
    )


@problems.read_only
def status(request: HttpRequest, page_token: str) -> HttpResponse:
    """Answer the open page with how its payment stands."""
    payment = _payment(page_token)
    if payment is None:
        return problems.answer(problems.NotFound("There is no such payment."), request)
    now = timezone.now()
    body = {"status": _state(payment, now), "expires_at": payment.expires_at}
    return HttpResponse(strict_json.encode(body), content_type="application/json", headers=HEADERS)


@problems.read_only
def receipt(request: HttpRequest, page_token: str) -> HttpResponse:
    """Return the receipt of the first payment of this page, in the language that is asked for."""
    payment = _payment(page_token)
    booked = receipts.payments_on(payment).first() if payment else None
    texts = pay_texts.chosen(
        asked_for=request.GET.get("lang"), accepted=request.headers.get("Accept-Language", "")
    )
    if booked is None:
        return _html("pay/missing.html", {"texts": texts}, status=HTTPStatus.NOT_FOUND)
    standing = throttling.take_by_address(request, "receipt", limit=RECEIPTS_A_MINUTE)
    if standing is not None and not standing.allowed:
        refused = problems.answer(problems.RateLimited(), request)
        refused.headers["Retry-After"] = str(standing.reset_seconds)
        return refused
    asked = request.GET.get("lang", "")
    language = asked if asked in receipt_document.LANGUAGES else texts.code
    found = receipts.receipt_of(transaction_id=booked.pk)
    return pdf.answer(
        receipt_document.pdf_of(found, language=language),
        name=receipt_document.name_of(found),
        headers=HEADERS,
    )


def _payment(page_token: str) -> PaymentRequest | None:
    if not TOKEN.fullmatch(page_token):
        return None
    try:
        return selectors.payment_on_page(page_token=page_token)
    except PaymentRequest.DoesNotExist:
        return None


def _state(payment: PaymentRequest, now: datetime) -> str:
    """Return one of the four states that matter to a customer."""
    if (
        payment.status == PaymentRequest.Status.PAID
        or payment.invoice.status == InvoiceStatus.FULLY_PAID
    ):
        return PAID
    if payment.status == PaymentRequest.Status.EXPIRED:
        return EXPIRED
    if payment.status == PaymentRequest.Status.OPEN:
        return PENDING if payment.expires_at > now else EXPIRED
    return CANCELLED


def _page(payment: PaymentRequest, texts: Texts, now: datetime) -> Page:
    invoice, state = payment.invoice, _state(payment, now)
    ended = state in {EXPIRED, CANCELLED}
    is_booked = state == PAID and receipts.payments_on(payment).exists()
    return Page(
        state=state,
        merchant=payment.tenant.name,
        gateway=payment.gateway.name,
        amount=texts.money(Money(payment.amount, payment.currency_code)),
        description=invoice.description,
        reference=invoice.external_id or str(invoice.pk),
        expires_at=payment.expires_at,
        deadline=texts.moment(payment.expires_at, payment.currency_code),
        seconds_left=max(0, int((payment.expires_at - now).total_seconds())),
        back_url=_back_url(payment, state),
        current_url=selectors.current_payment_url(invoice_id=invoice.pk) if ended else None,
        status_path=f"/pay/{payment.page_token}/status",
        receipt_path=f"/pay/{payment.page_token}/receipt.pdf" if is_booked else None,
    )


def _back_url(payment: PaymentRequest, state: str) -> str | None:
    if state == PENDING:
        return None
    invoice = payment.invoice
    return invoice.success_redirect_url if state == PAID else invoice.failure_redirect_url


def _html(
    template: str, context: dict[str, object], *, images: str = "", status: int = HTTPStatus.OK
) -> HttpResponse:
    response = HttpResponse(
        render_to_string(template, context),
        status=status,
        headers=HEADERS | {"Content-Security-Policy": POLICY.format(images=images)},
    )
    patch_vary_headers(response, ["Accept-Language"])
    return response


def _origin(url: str) -> str:
    """Return where the gateway's own picture of a code comes from, as the policy names it."""
    split = urlsplit(url)
    return f" {split.scheme}://{split.netloc}"
