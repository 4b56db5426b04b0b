"""The menu of the back office."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu, each entry only for those who may open it."""
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
                _list(_("Invoices"), "receipt_long", "invoices", "invoice", may),
                _list(_("Transactions"), "payments", "payments", "transaction", may),
                _list(_("Payment requests"), "link", "invoices", "paymentrequest", may),
                _list(_("Instalments"), "calendar_month", "invoices", "installment", may),
            ),
        },
        {
            "title": _("Platform"),
            "items": _shown(
                request,
                _list(_("Tenants"), "storefront", "apikeys", "tenant", may),
                _list(_("Keys"), "key", "apikeys", "apikey", may),
                _list(_("Audit log"), "history", "apikeys", "apikeyauditentry", may),
                _list(_("Staff"), "group", "auth", "user", may),
                _list(_("Roles"), "badge", "auth", "group", may),
            ),
        },
    ]


def _list(title: str, icon: str, app: str, model: str, may: Any) -> dict[str, Any]:  # noqa: ANN401
    link = reverse(f"admin:{app}_{model}_changelist")
    return _entry(title, icon, link, may(f"{app}.view_{model}"))


def _entry(title: str, icon: str, link: str, allowed: bool) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link, "has_permission": allowed}


def _shown(request: HttpRequest, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    index = reverse("admin:index")
    for entry in entries:
        link = entry["link"]
        entry["active"] = request.path == link if link == index else request.path.startswith(link)
    return [entry for entry in entries if entry["has_permission"]]
