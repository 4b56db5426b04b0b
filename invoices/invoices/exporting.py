"""What the file of a list has, and the list has no room for: how the merchant names the money."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from invoices.models import Invoice
from paytrust.staff.pages import OfMerchants


class OfInvoices(OfMerchants):
    """A list of rows that each belong to an invoice."""

    list_export: ClassVar[Sequence[str]] = (
        "external_id",
        "customer_name",
        "customer_email",
        "asked_by",
    )
    export_select_related: ClassVar[Sequence[str]] = ("invoice",)
    invoice_path: ClassVar[str | None] = "invoice"

    @admin.display(description=_("External id"))
    def external_id(self, row: Any) -> str | None:  # noqa: ANN401  # a row of the list
        return self._invoice(row).external_id

    @admin.display(description=_("Customer"))
    def customer_name(self, row: Any) -> str | None:  # noqa: ANN401  # a row of the list
        name: str | None = (self._invoice(row).customer or {}).get("name")
        return name

    @admin.display(description=_("Customer's e-mail"))
    def customer_email(self, row: Any) -> str | None:  # noqa: ANN401  # a row of the list
        address: str | None = self._invoice(row).customer_email
        return address

    @admin.display(description=_("Payment method"))
    def asked_by(self, row: Any) -> str | None:  # noqa: ANN401  # a row of the list
        """Return the way to pay that the merchant asked for, if it asked for one."""
        asked: dict[str, str] = self._invoice(row).payment_method or {}
        return " ".join(asked[name] for name in ("type", "bank", "store") if asked.get(name))

    def _invoice(self, row: Any) -> Invoice:  # noqa: ANN401  # a row of the list
        found: Invoice = getattr(row, self.invoice_path) if self.invoice_path else row
        return found
