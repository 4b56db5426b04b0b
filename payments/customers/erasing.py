"""Erasing a person: what names a customer goes, the money and its proof stay (UU PDP, PDPA)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from events.outbox import erasing as events
from invoices.invoices import versions
from invoices.models import Invoice, PaymentRequest
from payments.bank import erasing as bank
from payments.models import SettlementLine, WebhookEvent
from paytrust.errors import PayTrustError

ERASED: Final = kinds.register("customer_erased", _("erased a customer"))
AT_ONCE: Final = 100  # invoices a transaction


class NotificationsWait(PayTrustError):
    """A notification of the customer's payments has not had its effect; settle it first."""

    status = HTTPStatus.CONFLICT
    code = "notifications_wait"
    for_staff = _("A notification about this customer still waits. Settle it first.")


@dataclass(frozen=True, slots=True)
class Erased:
    """In how many rows the customer was."""

    invoices: int
    events: int
    notifications: int
    settlement_lines: int
    bank_entries: int


def invoices_of(
    *, tenant: Tenant, email: str | None, phone: str | None, invoice_ids: Sequence[int]
) -> QuerySet[Invoice]:
    """Return the invoices of a tenant that name a customer by any of these.

    Args:
        tenant: the merchant; another one's customer is another person here.
        email: in whatever letters.
        phone: as the invoice has it.
        invoice_ids: the customers of these invoices.
    """
    named = Q(pk__in=invoice_ids)
    if email:
        named |= Q(customer_email=email.lower())  # as the database has it, in lower case
    if phone:
        named |= Q(customer__phone=phone)
    return Invoice.objects.for_tenant(tenant).filter(named, customer__isnull=False)


def erase(
    *, actor: Actor, tenant: Tenant, invoices: Sequence[int], reason: str, now: datetime
) -> Erased:
    """Blank the customer in invoices, their events, and what gateways and banks sent about them.

    Amounts, states, references, the ledger and the trail stay. May be repeated: it continues where
    it stopped. The act is in the trail, without the person.

    Raises:
        MissingReason: `reason` is empty or too long.
        NotificationsWait: nothing of the invoices concerned was changed.
    """
    reason = recording.required_reason(reason)
    total = Erased(0, 0, 0, 0, 0)
    with recording.recorded(
        actor=actor, act=ERASED, about=tenant, now=now, reason=reason, tenant_id=tenant.pk
    ) as entry:
        for start in range(0, len(invoices), AT_ONCE):
            done = _erase(tenant, invoices[start : start + AT_ONCE], now)
            total = Erased(
                total.invoices + done.invoices,
                total.events + done.events,
                total.notifications + done.notifications,
                total.settlement_lines + done.settlement_lines,
                total.bank_entries + done.bank_entries,
            )
        entry.message = (
            f"{total.invoices} invoices, {total.events} events,"
            f" {total.notifications} notifications, {total.settlement_lines} settlement lines,"
            f" {total.bank_entries} bank entries"
        )
    return total


@transaction.atomic
def _erase(tenant: Tenant, invoice_ids: Sequence[int], now: datetime) -> Erased:
    rows = list(Invoice.objects.for_tenant(tenant).filter(pk__in=invoice_ids).locked())
    requests = PaymentRequest.objects.filter(invoice__in=rows).values("reference")
    notifications = WebhookEvent.objects.filter(reference__in=requests)
    if notifications.filter(status__in=("received", "failed")).exists():
        raise NotificationsWait
    # By the reference too: a line that no payment matches, or of an account that tenants share.
    lines = SettlementLine.objects.filter(
        Q(reference__in=requests) | Q(transaction__invoice__in=rows)
    )
    named = [invoice for invoice in rows if invoice.customer is not None]
    texts = set(requests.values_list("reference", flat=True))
    texts = texts.union(*(bank.texts_of(invoice.customer) for invoice in named))
    for invoice in named:
        invoice.customer = None
        invoice.save(update_fields=["customer", *versions.touch(invoice, now)])
    ids = [invoice.pk for invoice in rows]
    return Erased(
        invoices=len(named),
        events=events.erase_customer(tenant_id=tenant.pk, invoice_ids=ids),
        notifications=notifications.exclude(body=b"").update(body=b""),
        settlement_lines=lines.exclude(raw={}).update(raw={}),
        bank_entries=bank.erase_payers(texts=texts),
    )
