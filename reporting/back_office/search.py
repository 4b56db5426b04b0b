"""Finding invoices by all that staff may know of one. Each search is one index lookup.

A whole identifier names its invoice. Parts of a name or an identifier, and amounts, find the
newest few of each kind.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Abs
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from apikeys.models import ApiKeyAuditEntry, StaffAct, Tenant
from gateways.models import Gateway
from invoices.models import Invoice, InvoiceQuerySet, PaymentRequest, Transaction
from payments.models import WebhookEvent
from paytrust.money import EXPONENTS, Money, minor_units
from paytrust.staff import roles
from paytrust.staff.amounts import readers_notation
from paytrust.staff.pages import is_id

MOST = 100  # invoices per whole identifier; a regular customer needs filters
MOST_OF_A_KIND = 20
SHORTEST_NAME = 3  # letters: an index of trigrams cannot look up fewer
SHORTEST_FRAGMENT = 4  # of an identifier: fewer would be in too many
NEWEST = 20_000  # rows among which a common fragment is looked for first


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found: invoices by each kind of match, and transactions, newest first."""

    named: Sequence[Invoice]
    by_customer: Sequence[Invoice]
    by_fragment: Sequence[Invoice]
    of_amount: Sequence[Invoice]
    transactions: Sequence[Transaction]

    @property
    def only_invoice(self) -> int | None:
        """The id of the invoice where nothing else was found."""
        groups = (self.named, self.by_customer, self.by_fragment, self.of_amount)
        ids = {one.pk for group in groups for one in group}
        return ids.pop() if len(ids) == 1 and not self.transactions else None


def invoice_ids(term: str) -> list[int]:
    """Return the ids of the invoices that a whole identifier names in any way, newest first."""
    found: set[int] = set()
    for ids in _ids(term):
        found.update(ids)
    return sorted(found, reverse=True)


def everything(term: str, *, with_transactions: bool = True) -> Found:
    """Return all that a search term finds.

    Where a whole identifier that is no amount names an invoice, nothing else is looked for.
    """
    term = term.strip().replace("\x00", "")
    sums = amounts(term)
    named = _shown(Invoice.objects.filter(pk__in=invoice_ids(term)), MOST)
    if named and not sums:
        return Found(named=named, by_customer=[], by_fragment=[], of_amount=[], transactions=[])
    if sums and not term.isdigit():  # it has a currency or marks: neither a name nor an identifier
        by_customer, by_fragment = [], []
    else:
        by_customer, by_fragment = _by_customer(term), _by_fragment(term)
    return Found(
        named=named,
        by_customer=by_customer,
        by_fragment=by_fragment,
        of_amount=[row for one in sums for row in _of_amount(one)],
        transactions=[row for one in sums for row in _transactions(one)]
        if with_transactions
        else [],
    )


def amounts(term: str) -> list[Money]:
    """Return what a term is worth in each currency in which the reader may have meant it."""
    return [one for code in EXPONENTS if (one := _amount(term, code)) is not None]


@roles.requires("invoices.view_invoice")
def find(request: HttpRequest) -> HttpResponse:
    """Go to the invoice if nothing else is found, or show all that the reader may see."""
    term = request.GET.get("q", "").strip()
    may_see_transactions = request.user.has_perm("invoices.view_transaction")
    found = everything(term, with_transactions=may_see_transactions)
    if (only := found.only_invoice) is not None:
        return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=(only,)))
    return render(
        request,
        "staff/found.html",
        {
            **admin.site.each_context(request),
            "title": _("Find"),
            "q": term,
            "groups": [group for group in _groups(found) if group[1]],
            "transactions": found.transactions,
        },
    )


def _groups(found: Found) -> list[tuple[str, Sequence[Invoice]]]:
    return [
        (_("Invoices called so"), found.named),
        (_("Invoices of this customer"), found.by_customer),
        (_("Invoices with this in an external id or a reference"), found.by_fragment),
        (_("Invoices of this amount"), found.of_amount),
    ]


def _shown(invoices: InvoiceQuerySet, most: int = MOST_OF_A_KIND) -> list[Invoice]:
    return list(invoices.select_related("tenant", "gateway").order_by("-pk")[:most])


def _by_customer(term: str) -> list[Invoice]:
    if len(term) < SHORTEST_NAME:
        return []
    named = Invoice.objects.filter(customer__name__icontains=term)
    return _shown(Invoice.objects.filter(pk__in=_newest_ids(named)))


def _by_fragment(term: str) -> list[Invoice]:
    if len(term) < SHORTEST_FRAGMENT:
        return []
    named = Invoice.objects.filter(external_id__icontains=term)
    requests = PaymentRequest.objects.filter(reference__icontains=term)
    ids = [*_newest_ids(named), *_newest_ids(requests, column="invoice_id")]
    return _shown(Invoice.objects.filter(pk__in=ids))


def _newest_ids(rows: QuerySet[Any], *, column: str = "pk") -> list[int]:
    """Return a column of the newest rows that contain a fragment.

    What is in many rows is found among the newest; else the index of trigrams finds all, and they
    are sorted. PostgreSQL cannot choose: under row-level security it may not use its statistics for
    texts, expects each fragment in many rows, and would read the table backwards for a rare one.
    """
    newest = rows.model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0  # noqa: SLF001  # public
    recent = rows.filter(pk__gt=newest - NEWEST).order_by("-pk")
    found = list(recent.values_list(column, flat=True)[:MOST_OF_A_KIND])
    if len(found) == MOST_OF_A_KIND:
        return found
    by_no_index = (F("pk") + 0).desc()
    return list(rows.order_by(by_no_index).values_list(column, flat=True)[:MOST_OF_A_KIND])


def _amount(term: str, code: str) -> Money | None:
    try:
        return Money(minor_units(readers_notation().read(term, currency=code), code), code)
    except ValueError:
        return None


def _of_amount(one: Money) -> list[Invoice]:
    return _shown(Invoice.objects.filter(currency_code=one.currency, total_amount=one.minor))


def _transactions(one: Money) -> list[Transaction]:
    """Find those that moved this amount, in or out."""
    of_currency = Transaction.objects.filter(currency_code=one.currency)
    moved = of_currency.alias(size=Abs("amount")).filter(size=one.minor)
    return list(moved.select_related("tenant", "gateway").order_by("-pk")[:MOST_OF_A_KIND])


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
