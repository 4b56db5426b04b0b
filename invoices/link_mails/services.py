"""The payment link, sent again to the customer by e-mail; never so often that it floods them."""

from datetime import datetime, timedelta
from http import HTTPStatus
from smtplib import SMTPException
from typing import Final

import structlog
from django.core.mail import EmailMessage
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import StaffAct
from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from apikeys.tenants import wall
from invoices.models import Invoice, PaymentRequest
from invoices.pay_page.texts import by_the_customers_clock
from paytrust.errors import PayTrustError
from paytrust.money import Money, notation
from paytrust.operations.database import release_connection

log = structlog.get_logger(__name__)

LINK_SENT: Final = kinds.register("payment_link_sent", _("sent the payment link to the customer"))
DAY: Final = timedelta(days=1)
PAUSE: Final = timedelta(minutes=10)  # between two mails about one invoice
PER_INVOICE, PER_ADDRESS, PER_PERSON = 3, 5, 100  # mails in a day


class NoPaymentLink(PayTrustError):
    """The invoice has no payment that a customer can make now."""

    status = HTTPStatus.CONFLICT
    code = "no_payment_link"
    for_staff = _("Nothing can be paid on this invoice now, so it has no payment link.")


class NoCustomerAddress(PayTrustError):
    """The invoice names no e-mail address of its customer."""

    status = HTTPStatus.CONFLICT
    code = "no_customer_address"
    for_staff = _("This invoice has no e-mail address of its customer. Copy the link instead.")


class LinkSentOften(PayTrustError):
    """The link was sent a short while ago, or as often as a day allows."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "payment_link_sent_often"
    for_staff = _(
        "The link was sent a short while ago, or as often as a day allows. Wait, or copy the link."
    )


class MailNotSent(PayTrustError):
    """The mail server did not take the mail."""

    status = HTTPStatus.BAD_GATEWAY
    code = "mail_not_sent"
    for_staff = _("The mail server did not take the mail. Try again later, or copy the link.")


def open_payment(invoice: Invoice) -> PaymentRequest:
    """Return what the customer can pay now.

    Raises:
        NoPaymentLink, NoCustomerAddress: no mail is possible.
    """
    request = (
        invoice.payment_requests.filter(
            status=PaymentRequest.Status.OPEN, payment_url__isnull=False
        )
        .order_by("-pk")
        .first()
    )
    if request is None:
        raise NoPaymentLink
    if not invoice.customer_email:
        raise NoCustomerAddress
    return request


def send(*, actor: Actor, invoice_id: int, language: str, now: datetime) -> None:
    """Send the payment link of an invoice to its customer.

    Args:
        actor: who sends it.
        invoice_id: of any merchant.
        language: en, id or ms.
        now: the time.

    Raises:
        Invoice.DoesNotExist: unknown.
        NoPaymentLink, NoCustomerAddress: no mail is possible.
        LinkSentOften: this customer or this person has had enough of them.
        MailNotSent: the mail server is away.
    """
    invoice = Invoice.objects.select_related("tenant").get(pk=invoice_id)
    with recording.recorded(
        actor=actor,
        act=LINK_SENT,
        about=invoice,
        now=now,
        tenant_id=invoice.tenant_id,
        invoice_id=invoice_id,
    ) as entry:
        request = open_payment(invoice)
        _require_seldom(invoice, entry, now)
        mail = _mail(invoice, request, language)
        release_connection()  # a mail server may take seconds
        try:
            mail.send()
        except (SMTPException, OSError) as error:
            log.exception("payment link not sent", invoice_id=invoice_id)
            raise MailNotSent from error


def _require_seldom(invoice: Invoice, entry: StaffAct, now: datetime) -> None:
    """Refuse too many mails. Those that are under way count, so two at once are never too many."""
    with wall.lowered_for_staff():  # the customer may be another merchant's too
        sent = list(
            StaffAct.objects.filter(
                Q(outcome=None) | Q(outcome=recording.DONE),
                act=LINK_SENT,
                created_at__gt=now - DAY,
            )
            .exclude(pk=entry.pk)
            .values_list("invoice_id", "staff_id", "created_at")
        )
        same_address = set(
            Invoice.objects.filter(
                pk__in={pk for pk, _staff, _at in sent}, customer_email=invoice.customer_email
            ).values_list("pk", flat=True)
        )
    times = [at for pk, _staff, at in sent if pk == invoice.pk]
    if (
        len(times) >= PER_INVOICE
        or any(at > now - PAUSE for at in times)
        or sum(pk in same_address for pk, _staff, _at in sent) >= PER_ADDRESS
        or sum(staff == entry.staff_id for _pk, staff, _at in sent) >= PER_PERSON
    ):
        raise LinkSentOften


def _mail(invoice: Invoice, request: PaymentRequest, language: str) -> EmailMessage:
    merchant = " ".join(invoice.tenant.name.split())  # a header has one line
    amount = Money(request.amount, request.currency_code)
    said = {
        "merchant": merchant,
        "amount": notation.of_language(language).written(amount),
        "order": invoice.external_id or str(invoice.pk),
        "link": request.payment_url,
    }
    with translation.override(language):
        said["until"] = by_the_customers_clock(request.expires_at, request.currency_code)
        subject = gettext("Your payment to %(merchant)s") % said
        text = gettext(
            "%(merchant)s asks you to pay %(amount)s for order %(order)s.\n\n"
            "Pay here, until %(until)s:\n%(link)s\n\n"
            "If you have paid already, you need not do anything."
        )
    return EmailMessage(subject, f"{text % said}\n", None, [str(invoice.customer_email)])
