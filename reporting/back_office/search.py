"""Finding an invoice by any identifier that staff may have. Each search is one index lookup."""

from collections.abc import Iterator

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from apikeys.models import ApiKeyAuditEntry, StaffAct, Tenant
from gateways.models import Gateway
from invoices.models import Invoice, PaymentRequest, Transaction
from payments.models import WebhookEvent
from paytrust.staff import roles
from paytrust.staff.pages import is_id

MOST = 100  # invoices per search; a regular customer needs filters


def invoice_ids(term: str) -> list[int]:
    """Return the ids of the invoices that a search term names in any way, newest first."""
    found: set[int] = set()
    for ids in _ids(term):
        found.update(ids)
    return sorted(found, reverse=True)


@roles.requires("invoices.view_invoice")
def find(request: HttpRequest) -> HttpResponse:
    """Go to the invoice if there is only one, or show all that match."""
    term = request.GET.get("q", "").strip()
    found = invoice_ids(term) if term else []
    if len(found) == 1:
        return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=found))
    invoices = Invoice.objects.filter(pk__in=found).select_related("tenant", "gateway")
    return render(
        request,
        "staff/found.html",
        {
            **admin.site.each_context(request),
            "title": _("Find"),
            "q": term,
            "invoices": invoices.order_by("-pk")[:MOST],
        },
    )


def _ids(term: str) -> Iterator[list[int]]:
    term = term.strip().replace("\x00", "")
    if not term:
        return
    if is_id(term):
        yield list(Invoice.objects.filter(pk=int(term)).values_list("pk", flat=True))
    yield _by_external_id(term)
    yield from _by_gateway(term)
    if "@" in term:
        yield _by_email(term)
    yield from _by_request(term)


def _by_external_id(term: str) -> list[int]:
    # The unique index begins with the tenant, so the query names all tenants.
    tenants = list(Tenant.objects.values_list("pk", flat=True))
    named = Invoice.objects.filter(tenant_id__in=tenants, external_id=term)
    return list(named.values_list("pk", flat=True)[:MOST])


def _by_gateway(term: str) -> Iterator[list[int]]:
    gateways = list(Gateway.objects.values_list("pk", flat=True))
    requests = PaymentRequest.objects.values_list("invoice_id", flat=True)
    yield list(requests.filter(reference=term))
    yield list(requests.filter(gateway_id__in=gateways, gateway_payment_id=term)[:MOST])
    transactions = Transaction.objects.filter(gateway_id__in=gateways)
    yield list(
        transactions.filter(gateway_transaction_id=term).values_list("invoice_id", flat=True)[:MOST]
    )
    events = WebhookEvent.objects.filter(gateway_id__in=gateways, event_id=term)
    references = list(events.values_list("reference", flat=True)[:MOST])
    if references:
        yield list(requests.filter(reference__in=references))


def _by_email(term: str) -> list[int]:
    named = Invoice.objects.filter(customer_email=term.lower())
    # Sorted here: PostgreSQL would read the whole table backwards to find the newest hundred.
    return sorted(named.values_list("pk", flat=True)[: 10 * MOST], reverse=True)[:MOST]


def _by_request(term: str) -> Iterator[list[int]]:
    """Find what a request made, or the invoice in its path."""
    yield list(Invoice.objects.filter(request_id=term).values_list("pk", flat=True)[:MOST])
    paths = ApiKeyAuditEntry.objects.filter(request_id=term).values_list("path", flat=True)[:MOST]
    about = [found for path in paths if (found := _invoice_in(path or "")) is not None]
    yield list(Invoice.objects.filter(pk__in=about).values_list("pk", flat=True))
    acts = StaffAct.objects.filter(request_id=term).values_list("invoice_id", flat=True)[:MOST]
    yield [found for found in acts if found is not None]


def _invoice_in(path: str) -> int | None:
    folders = path.split("/")
    return (
        int(folders[2]) if folders[1:2] == ["invoices"] and is_id("".join(folders[2:3])) else None
    )
