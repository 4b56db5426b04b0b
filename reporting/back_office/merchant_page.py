"""A merchant's page: its figures, and everything that is set up for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apikeys.keys.back_office import TenantAdmin
from apikeys.models import ApiKey, Tenant
from events.models import WebhookEndpoint
from gateways.models import GatewayAccount, GatewayFee
from invoices.models import Installment, InstallmentQuerySet, Invoice, InvoiceStatus
from payments.changes import discrepancies
from payments.models import Proposal
from payments.refunds.models import Refund
from paytrust.operations import replica
from paytrust.staff import narrowing
from paytrust.staff.filters import beginning_of
from reporting.back_office import figures, report_page
from reporting.back_office.dashboard import Tile, list_address
from reporting.back_office.statement_pages import SetProfile
from reporting.costs.cash import Cash, cash
from reporting.financial import selectors

MOST = 20  # rows of each table; its list has the rest
DAY = timedelta(days=1)
WAITING = (InvoiceStatus.PENDING, InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.FAILED)
"""States of invoices for which money is missing, and can still come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOfMoney:
    """What came in and what went back in a month."""

    name: str
    link: str
    reports: Sequence[Any]


class MerchantAdmin(TenantAdmin):
    """Tenants: the list, and a page for each."""

    change_form_after_template = "staff/merchant.html"
    acts: ClassVar = (*TenantAdmin.acts, SetProfile)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a merchant with its figures below its name."""
        tenant = self.get_object(request, object_id)
        shown = dict(extra_context or {})
        if tenant is not None and self.has_view_permission(request, tenant):
            with replica.reading():
                shown |= context(request, tenant, now=timezone.now())
        answer: HttpResponse = super().change_view(request, object_id, form_url, shown)
        return answer


def context(request: HttpRequest, tenant: Tenant, *, now: datetime) -> dict[str, Any]:
    """Return what a merchant's page shows, as far as its reader may see it."""
    may = request.user.has_perm
    of = {"tenant": tenant}
    return {
        "lists": list(_lists(tenant)),
        "work": [tile for tile, permission in _work(tenant, now) if may(permission)],
        "money": list(_money(tenant, now)) if may(report_page.SEES) else [],
        "cash": _cash(tenant, now) if may("payments.view_settlementline") else [],
        "keys": ApiKey.objects.filter(**of).order_by("-pk")[:MOST]
        if may("apikeys.view_apikey")
        else None,
        "accounts": GatewayAccount.objects.filter(**of).select_related("gateway").order_by("-pk")
        if may("gateways.view_gatewayaccount")
        else None,
        "fees": GatewayFee.objects.select_related("gateway").order_by("gateway", "currency_code")
        if may("gateways.view_gatewayfee")
        else None,
        "endpoints": WebhookEndpoint.objects.filter(**of).order_by("status", "pk")[:MOST]
        if may("events.view_webhookendpoint")
        else None,
    }


def _lists(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Yield the lists that a merchant's rows are in."""
    yield _("Financial report"), report_page.address(merchant=tenant.name)
    for title, model, path in (
        (_("Invoices"), "invoices_invoice", "tenant"),
        (_("Transactions"), "invoices_transaction", "tenant"),
        (_("Ledger"), "invoices_ledgerentry", "tenant"),
        (_("Refunds"), "payments_refund", "tenant"),
        (_("Payment requests"), "invoices_paymentrequest", "tenant"),
        (_("Instalments"), "invoices_installment", "invoice__tenant"),
        (_("Statements"), "reporting_keptstatement", "tenant"),
    ):
        yield title, list_address(model, **{f"{path}__id__exact": str(tenant.pk)})


def _work(tenant: Tenant, now: datetime) -> Iterator[tuple[Tile, str]]:
    """Yield what waits for somebody, and the permission to see it."""
    mine = {"tenant__id__exact": str(tenant.pk)}
    pending = Invoice.objects.filter(tenant=tenant, status=InvoiceStatus.PENDING)
    differing = discrepancies.unresolved().filter(tenant=tenant)
    proposed = Proposal.objects.waiting().filter(tenant=tenant)
    asked = Refund.objects.filter(tenant=tenant, status=Refund.Status.REQUESTED)
    yield (
        _tile(_("Invoices pending"), pending, "invoices_invoice", status__exact="pending", **mine),
        "invoices.view_invoice",
    )
    yield (
        _tile(
            _("Overdue instalments"),
            overdue_of(tenant, now),
            "reporting_overdueinstallment",
            tone="warn",
            invoice__tenant__id__exact=str(tenant.pk),
        ),
        "reporting.view_overdueinstallment",
    )
    yield (
        _tile(_("Discrepancies"), differing, "reporting_discrepancy", tone="warn", **mine),
        "reporting.view_discrepancy",
    )
    yield (
        _tile(
            _("Proposals"),
            proposed,
            "payments_proposal",
            tone="warn",
            status__exact="open",
            **mine,
        ),
        "payments.view_proposal",
    )
    yield (
        _tile(
            _("Refunds"), asked, "payments_refund", tone="warn", status__exact="requested", **mine
        ),
        "payments.view_refund",
    )


def overdue_of(tenant: Tenant, now: datetime) -> InstallmentQuerySet:
    """Return a merchant's overdue instalments.

    They are looked for by their invoices: an index has those of a merchant in each state, and none
    has a merchant's instalments.
    """
    return Installment.objects.overdue(now).filter(
        invoice__tenant=tenant, invoice__status__in=WAITING
    )


def _tile(title: str, rows: Any, model: str, *, tone: str = "plain", **filters: str) -> Tile:  # noqa: ANN401  # a queryset
    number = figures.counted(rows)
    calm = "plain" if tone == "plain" else "good"
    return Tile(title, str(number), list_address(model, **filters), tone if number else calm)


def _money(tenant: Tenant, now: datetime) -> Iterator[MonthOfMoney]:
    """Yield this month and the one before it."""
    for first, last in list(narrowing.last_months(now=now))[:2]:
        yield MonthOfMoney(
            name=date_format(first, narrowing.MONTH),
            link=report_page.address(
                merchant=tenant.name, first=first.isoformat(), last=last.isoformat()
            ),
            reports=selectors.financial_report(
                tenant=tenant, start=beginning_of(first), end=beginning_of(last + DAY)
            ),
        )


def _cash(tenant: Tenant, now: datetime) -> list[Cash]:
    (_, last), (first, _) = list(narrowing.last_months(now=now))[:2]
    start, end = beginning_of(first), beginning_of(last + DAY)
    return cash(
        selectors.sums(tenant=tenant, start=start, end=end), tenant=tenant, start=start, end=end
    )
