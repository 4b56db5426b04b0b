"""The menu of the back office."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu, each entry only for those who may open it. A page asks for it twice."""
    if not hasattr(request, "menu"):
        request.menu = _sections(request)  # type: ignore[attr-defined]  # this module alone reads it
    menu: list[dict[str, Any]] = request.menu  # type: ignore[attr-defined]
    return menu


def _sections(request: HttpRequest) -> list[dict[str, Any]]:
    may = request.user.has_perm
    return [
        {
            "title": "",
            "items": _shown(
                request,
                _entry(_("Overview"), "space_dashboard", reverse("admin:index"), True),
            ),
        },
        {
            "title": _("Money"),
            "items": _shown(
                request,
                _entry(
                    _("Financial report"),
                    "bar_chart",
                    reverse("admin:report"),
                    may("reporting.view_dailytotal"),
                ),
                _entry(
                    _("Gateway costs"),
                    "price_check",
                    reverse("admin:costs"),
                    may("reporting.view_dailytotal"),
                ),
                _list(_("Invoices"), "receipt_long", "invoices", "invoice", may),
                _list(_("Transactions"), "payments", "invoices", "transaction", may),
                _list(_("Payment requests"), "link", "invoices", "paymentrequest", may),
                _list(_("Instalments"), "calendar_month", "invoices", "installment", may),
                _list(_("Ledger"), "account_balance", "invoices", "ledgerentry", may),
                _entry(
                    _("Payouts"),
                    "account_balance_wallet",
                    reverse("admin:payments_payouts"),
                    may("payments.view_settlementline"),
                ),
                _list(_("Settlement lines"), "list_alt", "payments", "settlementline", may),
                _list(_("Settlement imports"), "upload_file", "payments", "settlementimport", may),
                _list(_("Monthly reports"), "summarize", "payments", "settlementreport", may),
                _list(_("Bank statements"), "upload_file", "payments", "bankfile", may),
                _list(_("Bank entries"), "account_balance", "payments", "bankentry", may),
                _list(_("Statements"), "description", "reporting", "keptstatement", may),
            ),
        },
        {
            "title": _("To do"),
            "items": _shown(
                request,
                _list(
                    _("Failed notifications"),
                    "sms_failed",
                    "payments",
                    "webhookevent",
                    may,
                    status="failed",
                ),
                _list(_("Proposals"), "rule", "payments", "proposal", may, status="open"),
                _list(
                    _("Proposed acts"), "how_to_reg", "apikeys", "staffproposal", may, status="open"
                ),
                _list(_("Refunds"), "undo", "payments", "refund", may, status="requested"),
                _list(_("Chargebacks"), "gavel", "payments", "dispute", may),
                _list(
                    _("Settlement mismatches"),
                    "account_balance",
                    "payments",
                    "settlementmismatch",
                    may,
                ),
                _list(_("Discrepancies"), "difference", "reporting", "discrepancy", may),
                _list(
                    _("Overdue instalments"), "event_busy", "reporting", "overdueinstallment", may
                ),
            ),
        },
        {
            "title": _("Platform"),
            "items": _shown(
                request,
                _list(_("Tenants"), "storefront", "apikeys", "tenant", may),
                _list(_("Keys"), "key", "apikeys", "apikey", may),
                _list(_("Audit log"), "history", "apikeys", "apikeyauditentry", may),
                _list(_("Acts of staff"), "checklist", "apikeys", "staffact", may),
                _list(_("Gateways"), "hub", "gateways", "gateway", may),
                _list(_("Fees"), "percent", "gateways", "gatewayfee", may),
                _list(_("Settlement terms"), "contract", "payments", "settlementterms", may),
                _list(_("Gateway accounts"), "vpn_key", "gateways", "gatewayaccount", may),
                _list(_("Webhook endpoints"), "webhook", "events", "webhookendpoint", may),
                _list(_("Deliveries"), "outgoing_mail", "events", "delivery", may),
                _list(_("Staff"), "group", "auth", "user", may),
                _list(_("Roles"), "badge", "auth", "group", may),
            ),
        },
    ]


def name_of_list(request: HttpRequest, named: str) -> str:
    """Return what the menu calls the list that a page belongs to, else the list's own name.

    An entry for some rows of a list alone does not name the list.
    """
    for section in sections(request):
        for entry in section["items"]:
            if entry["active"] and not entry["is_part"] and entry["link"] != reverse("admin:index"):
                return str(entry["title"])
    return named


def _list(
    title: str,
    icon: str,
    app: str,
    model: str,
    may: Any,  # noqa: ANN401  # called with a permission
    *,
    status: str = "",
) -> dict[str, Any]:
    link = reverse(f"admin:{app}_{model}_changelist")
    narrowed = f"{link}?status__exact={status}" if status else link
    entry = _entry(title, icon, narrowed, may(f"{app}.view_{model}"))
    return {**entry, "is_part": status == "failed"}


def _entry(title: str, icon: str, link: str, allowed: bool) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link, "has_permission": allowed, "is_part": False}


def _shown(request: HttpRequest, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    index = reverse("admin:index")
    links = [entry["link"].partition("?")[0] for entry in entries]
    here = [link for link in links if request.path.startswith(link) and link != index]
    nearest = max(here, key=len, default=request.path)  # a page may stand below a list's own
    for entry, link in zip(entries, links, strict=True):
        entry["active"] = link == nearest
    return [entry for entry in entries if entry["has_permission"]]
