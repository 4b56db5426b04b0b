"""Shapes of invoice requests and answers."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.validators import EmailValidator
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from iso3166 import countries_by_alpha2
from rest_framework import serializers

from gateways import descriptors
from invoices.invoices.request import InstallmentsRequest, InvoiceRequest, LineRequest
from invoices.invoices.return_addresses import ReturnAddressField
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import (
    Installment,
    Invoice,
    InvoiceStatus,
    LineItem,
    PaymentRequest,
    RefundStatus,
)
from invoices.schedule.splitting import MAX_INSTALLMENTS
from paytrust.money import EXPONENTS, MAX_AMOUNT, Money, plain
from paytrust.web.serializers import (
    TRIMMED,
    MomentField,
    StrictCharField,
    StrictDecimalField,
    StrictDictField,
    StrictIntegerField,
    StrictListField,
    StrictSerializer,
    UTCDateTimeField,
)

MAX_LINES = 500
MAX_METADATA = 50
QUANTITY_DECIMALS = 3
LEAST_QUANTITY = Decimal("0.001")
QUANTITY = r"^([1-9][0-9]{0,14}(\.[0-9]{1,3})?|0\.([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))$"
PRICE = r"^[0-9]{1,16}(\.[0-9]{1,2})?$"
TAX_RATE = r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$"
USER_ASSIGNED_COUNTRIES = {"XK"}  # in the register's package, not in ISO 3166-1
METHODS = descriptors.choices()
BANKS = descriptors.choices(of="bank_transfer")
STORES = descriptors.choices(of="cstore")
CURRENCIES = sorted(EXPONENTS)
COUNTRIES = sorted(countries_by_alpha2.keys() - USER_ASSIGNED_COUNTRIES)
INSTALLMENT_STATUSES = ["unpaid", "paid", "overdue"]


@extend_schema_field(serializers.ChoiceField(choices=CURRENCIES))
class CurrencyCodeField(StrictCharField):
    """A currency; the service tells an unknown code from one that is not served."""


@extend_schema_field(serializers.ChoiceField(choices=COUNTRIES))
class CountryCodeField(StrictCharField):
    """An ISO 3166-1 alpha-2 code."""

    def to_internal_value(self, data: Any) -> str:  # noqa: ANN401  # any JSON value
        code = super().to_internal_value(data)
        if code not in countries_by_alpha2 or code in USER_ASSIGNED_COUNTRIES:
            raise serializers.ValidationError("Must be an ISO 3166-1 alpha-2 code, such as MY.")
        return code


class LineItemRequest(StrictSerializer):
    product_name = StrictCharField(max_length=255)
    quantity = StrictDecimalField(
        min_value=LEAST_QUANTITY,
        max_value=MAX_AMOUNT,
        max_decimals=QUANTITY_DECIMALS,
        pattern=QUANTITY,
        help_text="above 0, at most 3 decimals, e.g. 2 or 1.5",
    )
    unit_price = StrictDecimalField(
        min_value=0, pattern=PRICE, help_text="whole currency, e.g. 999.99"
    )
    discount = StrictDecimalField(
        min_value=0,
        required=False,
        allow_null=True,
        default=None,
        pattern=PRICE,
        help_text="whole currency, at most quantity x unit_price; lowers what is taxed",
    )
    tax_rate = StrictDecimalField(min_value=0, max_value=1, max_decimals=4, pattern=TAX_RATE)
    tax_category = StrictCharField(max_length=35, required=False, allow_null=True, default=None)
    country_code = CountryCodeField(max_length=2, required=False, allow_null=True, default=None)

    def validate_discount(self, discount: Decimal | None) -> Decimal:
        return discount or Decimal(0)


class InstallmentPlanRequest(StrictSerializer):
    count = StrictIntegerField(min_value=2, max_value=MAX_INSTALLMENTS)
    custom_amounts = StrictListField(
        child=StrictIntegerField(min_value=1, help_text="minor units"),
        required=False,
        allow_null=True,
        default=None,
        max_length=MAX_INSTALLMENTS,
    )
    interval_days = StrictIntegerField(
        min_value=1, max_value=366, required=False, allow_null=True, default=None
    )
    due_dates = StrictListField(
        child=MomentField(help_text="a date is its 00:00 UTC"),
        required=False,
        allow_null=True,
        default=None,
        max_length=MAX_INSTALLMENTS,
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["interval_days"] is not None and attrs["due_dates"] is not None:
            raise serializers.ValidationError(
                {"due_dates": ["Give due_dates or interval_days, not both."]}
            )
        return attrs


@extend_schema_serializer(component_name="InvoiceCustomer")
class CustomerRequest(StrictSerializer):
    name = StrictCharField(max_length=140, required=False, allow_null=True, default=None)
    email = StrictCharField(
        max_length=254,
        required=False,
        allow_null=True,
        default=None,
        validators=[EmailValidator("Must be an e-mail address.")],
    )
    phone = StrictCharField(
        max_length=255,
        allow_blank=True,
        multi_line=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="however it is written; a gateway gets it as +6281234567890, or not at all",
    )


class PaymentMethodRequest(StrictSerializer):
    type = serializers.ChoiceField(choices=METHODS)
    bank = serializers.ChoiceField(choices=BANKS, required=False, allow_null=True, default=None)
    store = serializers.ChoiceField(choices=STORES, required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for kind, field in (("bank_transfer", "bank"), ("cstore", "store")):
            if (attrs["type"] == kind) != (attrs[field] is not None):
                raise serializers.ValidationError(
                    {field: [f"Must be given for {kind}, and only for it."]}
                )
        return attrs


class InvoiceContent(StrictSerializer):
    """What an invoice and a supplementary one have in common."""

    line_items = LineItemRequest(  # type: ignore[call-arg]  # the list takes it
        many=True, allow_empty=False, max_length=MAX_LINES
    )
    external_id = StrictCharField(
        max_length=255, pattern=TRIMMED, required=False, allow_null=True, default=None
    )
    expires_at = UTCDateTimeField(required=False, allow_null=True, default=None)
    installments = InstallmentPlanRequest(required=False, allow_null=True, default=None)
    description = StrictCharField(
        max_length=1000, multi_line=True, required=False, allow_null=True, default=None
    )
    customer = CustomerRequest(required=False, allow_null=True, default=None)
    metadata = StrictDictField(
        child=StrictCharField(max_length=500, allow_blank=True, multi_line=True),
        max_length=MAX_METADATA,
        longest_key=40,
        required=False,
        allow_null=True,
        default=None,
    )
    success_redirect_url = ReturnAddressField(required=False, allow_null=True, default=None)
    failure_redirect_url = ReturnAddressField(required=False, allow_null=True, default=None)
    payment_method = PaymentMethodRequest(required=False, allow_null=True, default=None)

    def validate_external_id(self, external_id: str | None) -> str | None:
        if external_id is not None and external_id != external_id.strip():
            raise serializers.ValidationError("Must not begin or end with a blank.")
        return external_id

    def validate_metadata(self, metadata: dict[str, str] | None) -> dict[str, str] | None:
        return metadata or None  # none is what an empty one is shown as, too

    def to_request(self) -> InvoiceRequest:
        """Return the valid body as what the service takes."""
        fields: dict[str, Any] = dict(self.validated_data)
        plan = fields.pop("installments")
        lines = fields.pop("line_items")
        return InvoiceRequest(
            line_items=tuple(LineRequest(**line) for line in lines),
            installments=_plan_request(plan) if plan else None,
            **fields,
        )


class InvoiceCreateRequest(InvoiceContent):
    gateway_id = StrictIntegerField(min_value=1)
    currency_code = CurrencyCodeField(max_length=10)


class SupplementaryRequest(InvoiceContent):
    """As for an invoice, but currency and gateway are the parent's."""


class PaymentOpenRequest(StrictSerializer):
    installment_number = StrictIntegerField(
        min_value=1,
        max_value=MAX_INSTALLMENTS,
        required=False,
        allow_null=True,
        default=None,
        help_text="the lowest unpaid one, which is the default",
    )


class InstallmentTotalRequest(StrictSerializer):
    number = StrictIntegerField(min_value=1, max_value=MAX_INSTALLMENTS)
    total = StrictIntegerField(min_value=1, help_text="minor units")


class AdjustmentRequest(StrictSerializer):
    installments = InstallmentTotalRequest(  # type: ignore[call-arg]  # the list takes it
        many=True, allow_empty=False, max_length=MAX_INSTALLMENTS
    )

    def validate_installments(self, rows: list[dict[str, int]]) -> list[dict[str, int]]:
        if len({row["number"] for row in rows}) < len(rows):
            raise serializers.ValidationError("Each number may be given once.")
        return rows

    def named(self) -> dict[int, int]:
        """Return the new totals by instalment number."""
        return {row["number"]: row["total"] for row in self.validated_data["installments"]}


class LineItemResponse(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    product_name = serializers.CharField()
    quantity = StrictDecimalField(help_text="2 if it is whole, else such as 1.5")
    unit_price = StrictDecimalField(help_text="whole currency")
    discount_amount = serializers.IntegerField(help_text="minor units")
    tax_rate = StrictDecimalField()
    tax_category = serializers.CharField(allow_null=True)
    country_code = serializers.CharField(allow_null=True)
    subtotal_amount = serializers.IntegerField(help_text="minor units")
    tax_amount = serializers.IntegerField()


class InstallmentResponse(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    due_date = UTCDateTimeField()
    amount = serializers.IntegerField(help_text="minor units, without tax and service fee")
    tax = serializers.IntegerField()
    service_fee = serializers.IntegerField()
    total = serializers.IntegerField(help_text="what the customer pays")
    paid_amount = serializers.IntegerField()
    status = serializers.ChoiceField(choices=INSTALLMENT_STATUSES)
    paid_at = UTCDateTimeField(allow_null=True)
    payment_url = serializers.CharField(allow_null=True)


class PaymentInstructions(serializers.Serializer[Any]):
    type = serializers.CharField()
    qr_string = serializers.CharField(required=False)
    qr_image_url = serializers.CharField(required=False)
    va_number = serializers.CharField(required=False)
    bank = serializers.CharField(required=False)
    biller_code = serializers.CharField(required=False)
    bill_key = serializers.CharField(required=False)
    payment_code = serializers.CharField(required=False)
    deeplink_url = serializers.CharField(required=False)
    expires_at = serializers.CharField(required=False)


class InvoiceResponse(serializers.Serializer[Any]):
    """An invoice as it stands."""

    # Written field by field, by `invoice_answer`: it is the hot path of every read.

    id = serializers.IntegerField()
    external_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=InvoiceStatus.choices)
    currency_code = serializers.CharField()
    gateway_id = serializers.IntegerField()
    selected_gateway = serializers.CharField()
    subtotal_amount = serializers.IntegerField(help_text="minor units, like every *_amount")
    total_tax_amount = serializers.IntegerField()
    total_service_fee_amount = serializers.IntegerField()
    total_amount = serializers.IntegerField()
    paid_amount = serializers.IntegerField(help_text="received, less what was charged back")
    overpayment_amount = serializers.IntegerField(help_text="still held beside what was asked")
    refunded_amount = serializers.IntegerField(help_text="went back as the merchant wanted")
    refund_status = serializers.ChoiceField(choices=RefundStatus.choices)
    amount_due = serializers.IntegerField(
        help_text="still to be paid; 0 once the invoice is cancelled or expired"
    )
    payment_url = serializers.CharField(allow_null=True)
    parent_invoice_id = serializers.IntegerField(allow_null=True)
    description = serializers.CharField(allow_null=True)
    customer = CustomerRequest(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    version = serializers.IntegerField(help_text="1, 2, 3 ...: each change is a new one")
    updated_at = UTCDateTimeField()
    paid_at = UTCDateTimeField(allow_null=True)
    created_at = UTCDateTimeField()
    expires_at = UTCDateTimeField()
    payment_initiated_at = UTCDateTimeField(allow_null=True)
    line_items = LineItemResponse(many=True)
    installment_schedule = InstallmentResponse(many=True, required=False)
    payment_instructions = PaymentInstructions(required=False)

    def to_representation(self, instance: InvoiceDocument) -> dict[str, Any]:
        return invoice_answer(instance, self.context["now"])


class InvoiceList(serializers.Serializer[Any]):
    results = InvoiceResponse(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class InvoiceInstallmentsResponse(serializers.Serializer[Any]):
    """The whole schedule, also of an invoice with one payment."""

    invoice_id = serializers.IntegerField()
    currency_code = serializers.CharField()
    total_amount = serializers.IntegerField(help_text="minor units")
    paid_amount = serializers.IntegerField()
    installments = InstallmentResponse(many=True)

    def to_representation(self, instance: InvoiceDocument) -> dict[str, Any]:
        invoice, now = instance.invoice, self.context["now"]
        return {
            "invoice_id": invoice.pk,
            "currency_code": invoice.currency_code,
            "total_amount": invoice.total_amount,
            "paid_amount": invoice.paid_amount,
            "installments": [installment_answer(p, instance, now) for p in instance.installments],
        }


class OverpaymentResponse(serializers.Serializer[Invoice]):
    """What was paid beside what was asked; `difference` is negative while money is missing."""

    invoice_id = serializers.IntegerField()
    total_amount = serializers.IntegerField(help_text="minor units")
    total_paid = serializers.IntegerField()
    overpayment_amount = serializers.IntegerField()
    difference = serializers.IntegerField()

    def to_representation(self, instance: Invoice) -> dict[str, int]:
        return {
            "invoice_id": instance.pk,
            "total_amount": instance.total_amount,
            "total_paid": instance.paid_amount,
            "overpayment_amount": instance.overpayment_amount,
            "difference": instance.paid_amount - instance.total_amount,
        }


class PaymentResponse(serializers.Serializer[PaymentRequest]):
    """One demand at the gateway for one instalment."""

    id = serializers.IntegerField()
    installment_number = serializers.IntegerField(source="installment.number")
    amount = serializers.IntegerField(help_text="minor units")
    currency_code = serializers.CharField()
    status = serializers.ChoiceField(choices=PaymentRequest.Status.choices)
    payment_url = serializers.CharField(allow_null=True)
    expires_at = UTCDateTimeField()


def invoice_answer(document: InvoiceDocument, now: datetime) -> dict[str, Any]:
    """Return an invoice as the API and its events show it."""
    invoice, opened = document.invoice, document.open_request
    answer = {
        "id": invoice.pk,
        "external_id": invoice.external_id,
        "status": invoice.status,
        "currency_code": invoice.currency_code,
        "gateway_id": invoice.gateway_id,
        "selected_gateway": invoice.gateway.name,
        "subtotal_amount": invoice.subtotal_amount,
        "total_tax_amount": invoice.total_tax_amount,
        "total_service_fee_amount": invoice.total_service_fee_amount,
        "total_amount": invoice.total_amount,
        "paid_amount": invoice.paid_amount,
        "overpayment_amount": invoice.overpayment_amount,
        "refunded_amount": invoice.refunded_amount,
        "refund_status": str(invoice.refund_status),
        "amount_due": document.amount_due,
        "payment_url": opened.payment_url if opened else None,
        "parent_invoice_id": invoice.parent_id,
        "description": invoice.description,
        "customer": invoice.customer,
        "metadata": invoice.metadata,
        "version": invoice.version,
        "updated_at": invoice.updated_at,
        "paid_at": invoice.paid_at,
        "created_at": invoice.created_at,
        "expires_at": invoice.expires_at,
        "payment_initiated_at": invoice.payment_initiated_at,
        "line_items": [_line(line, invoice.currency_code) for line in document.line_items],
    }
    if invoice.installment_count > 1:
        answer["installment_schedule"] = [
            installment_answer(installment, document, now) for installment in document.installments
        ]
    if opened and opened.instructions:
        answer["payment_instructions"] = opened.instructions
    return answer


def installment_answer(
    installment: Installment, document: InvoiceDocument, now: datetime
) -> dict[str, Any]:
    """Return one row of a schedule as the API shows it; `overdue` is computed here, on read."""
    opened = document.open_request
    return {
        "number": installment.number,
        "due_date": installment.due_at,
        "amount": installment.net_amount,
        "tax": installment.tax_amount,
        "service_fee": installment.service_fee_amount,
        "total": installment.total_amount,
        "paid_amount": installment.paid_amount,
        "status": "overdue" if installment.is_overdue(now) else installment.status,
        "paid_at": installment.paid_at,
        "payment_url": (
            opened.payment_url if opened and opened.installment_id == installment.pk else None
        ),
    }


def _line(line: LineItem, currency_code: str) -> dict[str, Any]:
    return {
        "id": line.pk,
        "product_name": line.product_name,
        "quantity": plain(line.quantity),
        "unit_price": Money(line.unit_price_amount, currency_code).whole(),
        "discount_amount": line.discount_amount,
        "tax_rate": line.tax_rate.normalize(),
        "tax_category": line.tax_category,
        "country_code": line.country_code,
        "subtotal_amount": line.subtotal_amount,
        "tax_amount": line.tax_amount,
    }


def _plan_request(plan: dict[str, Any]) -> InstallmentsRequest:
    amounts, dates = plan["custom_amounts"], plan["due_dates"]
    return InstallmentsRequest(
        count=plan["count"],
        interval_days=plan["interval_days"],
        custom_amounts=tuple(amounts) if amounts is not None else None,
        due_dates=tuple(dates) if dates is not None else None,
    )
