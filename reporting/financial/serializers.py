"""Shapes of report requests and answers."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from rest_framework import serializers

from gateways.fees.serializers import CurrencyField
from gateways.models import Gateway
from invoices.models import Invoice, InvoiceStatus, ReviewFlag
from payments.models import WebhookEvent
from payments.webhooks.confirming import UnknownReference
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import DATE, StrictDecimalField, StrictSerializer, UTCDateTimeField
from reporting.exports import movements
from reporting.financial.figures import CurrencyReport, Figures, TaxFigures

LONGEST = timedelta(days=366)


@cache
def _zones() -> set[str]:
    """Return the names of IANA's zones; ZoneInfo would also take files such as right/UTC."""
    return available_timezones() - {"localtime"}


class EdgeField(serializers.CharField):
    """An ISO 8601 time with its offset, or a date: its midnight in the zone of `tz`."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "Must be a date, or an ISO 8601 time with its offset such as "
        "2026-11-01T00:00:00Z."
    }

    def to_internal_value(self, data: object) -> str:
        text = str(data).replace(" ", "+")  # a plus sign that was not encoded
        if DATE.fullmatch(text):
            return text
        UTCDateTimeField().run_validation(text)
        return text


class ZonedQuery(StrictSerializer):
    """A query whose days are cut in a zone."""

    tz = serializers.CharField(default="UTC", help_text="IANA name; cuts days, e.g. Asia/Jakarta")

    def validate_tz(self, name: str) -> ZoneInfo:
        if name not in _zones():
            raise serializers.ValidationError("Must be an IANA time zone, such as Asia/Jakarta.")
        return ZoneInfo(name)


class FinancialQuery(ZonedQuery):
    start_date = EdgeField(help_text="from this moment on")
    end_date = EdgeField(help_text="up to, but without, this moment; at most 366 days later")
    currency = CurrencyField(required=False)
    gateway_id = serializers.IntegerField(min_value=1, max_value=2**31, required=False)

    def validate_gateway_id(self, gateway_id: int) -> int:
        if not Gateway.objects.filter(pk=gateway_id).exists():
            raise serializers.ValidationError("There is no such gateway.")
        return gateway_id

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start = _moment("start_date", attrs)
        end = _moment("end_date", attrs)
        if end <= start:
            raise serializers.ValidationError({"end_date": ["Must be after start_date."]})
        if end - start > LONGEST:
            raise serializers.ValidationError({"end_date": ["At most 366 days after start_date."]})
        return {**attrs, "start": start, "end": end}


class MovementsQuery(FinancialQuery):
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        asked = super().validate(attrs)
        if not movements.is_served(asked["tz"], near=asked["start"]):
            raise serializers.ValidationError(
                {"tz": ["The database knows no such zone: name a place, such as Asia/Jakarta."]}
            )
        return asked


class ReceivedResponse(serializers.Serializer[Any]):
    transaction_count = serializers.IntegerField(
        help_text="distinct transactions, however many instalments each moved"
    )
    subtotal_amount = serializers.IntegerField(help_text="minor units, like every *_amount")
    total_tax_amount = serializers.IntegerField()
    total_service_fee_amount = serializers.IntegerField()
    total_amount = serializers.IntegerField()


class OverpaymentsResponse(serializers.Serializer[Any]):
    """What came in beyond all instalments of its invoice."""

    transaction_count = serializers.IntegerField(help_text="distinct transactions with some")
    total_amount = serializers.IntegerField(help_text="minor units")


class MoneyBackResponse(ReceivedResponse):
    """Money that went back, as positive numbers; overpayments given back have no shares."""

    overpayment_amount = serializers.IntegerField(help_text="part of total_amount")


class TaxShareResponse(serializers.Serializer[Any]):
    tax_rate = StrictDecimalField()
    amount = serializers.IntegerField(help_text="tax received at this rate, minor units")
    refunded_amount = serializers.IntegerField(help_text="tax refunded at this rate")
    reversed_amount = serializers.IntegerField(help_text="tax reversed at this rate")
    transaction_count = serializers.IntegerField(
        help_text="distinct payments that have tax at this rate"
    )


class GatewayShareResponse(serializers.Serializer[Any]):
    gateway_name = serializers.CharField()
    transaction_count = serializers.IntegerField(help_text="distinct payments")
    total_amount = serializers.IntegerField(help_text="received for instalments, minor units")
    service_fee_amount = serializers.IntegerField()


class CurrencyReportResponse(ReceivedResponse):
    """One currency: money received for instalments, and beside it what else moved.

    The breakdowns sum exactly to the totals, except for a payment that has several tax rates: it
    counts at each.
    """

    currency_code = serializers.CharField()
    tax_breakdown = TaxShareResponse(many=True)
    gateway_breakdown = GatewayShareResponse(many=True)
    overpayments = OverpaymentsResponse()
    refunds = MoneyBackResponse(help_text="what the merchant wanted to go back")
    reversals = MoneyBackResponse(help_text="chargebacks and denials")
    net_amount = serializers.IntegerField(
        help_text="received + overpayments - refunds - reversals: the sum of the transactions"
    )

    def to_representation(self, instance: Any) -> dict[str, Any]:  # noqa: ANN401  # a CurrencyReport
        report: CurrencyReport = instance
        return {
            "currency_code": report.currency_code,
            **_received(report.received),
            "tax_breakdown": [_tax_share(*of) for of in sorted(report.taxes.items())],
            "gateway_breakdown": [_gateway_share(*of) for of in sorted(report.gateways.items())],
            "overpayments": {
                "transaction_count": report.overpayments.transaction_count,
                "total_amount": report.overpayments.total_amount,
            },
            "refunds": asdict(report.refunds),
            "reversals": asdict(report.reversals),
            "net_amount": report.net_amount,
        }


class PeriodResponse(serializers.Serializer[Any]):
    start_date = UTCDateTimeField()
    end_date = UTCDateTimeField()


class FinancialReportResponse(serializers.Serializer[Any]):
    period = PeriodResponse()
    by_currency = CurrencyReportResponse(many=True)


UNKNOWN_REFERENCE = UnknownReference.code
KINDS = [*ReviewFlag.values, UNKNOWN_REFERENCE]


class DiscrepancyQuery(PageQuery):
    kind = serializers.ChoiceField(
        choices=KINDS,
        required=False,
        help_text="unknown_reference lists notifications of your own gateway account about "
        "payments that were not asked for here; the other kinds, and none, list invoices",
    )
    currency = CurrencyField(required=False)


class DiscrepancyResponse(serializers.Serializer[Any]):
    """An invoice whose payments differ from what it asks for, or a payment without an invoice.

    Of the latter only the gateway's word is known, so it has no invoice, state or amounts.
    """

    invoice_id = serializers.IntegerField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=KINDS))
    status = serializers.ChoiceField(choices=InvoiceStatus.choices, allow_null=True)
    currency_code = serializers.CharField(allow_null=True)
    gateway_name = serializers.CharField()
    reference = serializers.CharField(
        allow_null=True, help_text="what a notification calls the payment without an invoice"
    )
    total_amount = serializers.IntegerField(allow_null=True, help_text="minor units")
    paid_amount = serializers.IntegerField(allow_null=True)
    overpayment_amount = serializers.IntegerField(allow_null=True)
    refunded_amount = serializers.IntegerField(allow_null=True)
    difference = serializers.IntegerField(allow_null=True, help_text="paid_amount - total_amount")
    created_at = UTCDateTimeField()

    def to_representation(self, instance: Any) -> dict[str, Any]:  # noqa: ANN401  # either kind
        if isinstance(instance, WebhookEvent):
            return _unknown(instance)
        invoice: Invoice = instance
        return {
            "invoice_id": invoice.pk,
            "external_id": invoice.external_id,
            "kinds": invoice.review_flags,
            "status": invoice.status,
            "currency_code": invoice.currency_code,
            "gateway_name": invoice.gateway.name,
            "reference": None,
            "total_amount": invoice.total_amount,
            "paid_amount": invoice.paid_amount,
            "overpayment_amount": invoice.overpayment_amount,
            "refunded_amount": invoice.refunded_amount,
            "difference": invoice.paid_amount - invoice.total_amount,
            "created_at": invoice.created_at,
        }


class DiscrepancySumResponse(serializers.Serializer[Any]):
    currency_code = serializers.CharField()
    invoice_count = serializers.IntegerField()
    total_amount = serializers.IntegerField(help_text="minor units")
    paid_amount = serializers.IntegerField()
    overpayment_amount = serializers.IntegerField()
    refunded_amount = serializers.IntegerField()


class DiscrepancyList(serializers.Serializer[Any]):
    results = DiscrepancyResponse(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    by_currency = DiscrepancySumResponse(many=True)


def _unknown(event: WebhookEvent) -> dict[str, Any]:
    nothing = ("invoice_id", "external_id", "status", "currency_code")
    amounts = (
        "total_amount",
        "paid_amount",
        "overpayment_amount",
        "refunded_amount",
        "difference",
    )
    return {
        **dict.fromkeys((*nothing, *amounts)),
        "kinds": [UNKNOWN_REFERENCE],
        "gateway_name": event.gateway.name,
        "reference": event.reference,
        "created_at": event.received_at,
    }


def _received(figures: Figures) -> dict[str, int]:
    received = asdict(figures)
    del received["overpayment_amount"]  # it has figures of its own
    return received


def _tax_share(rate: Decimal, figures: TaxFigures) -> dict[str, Any]:
    return {"tax_rate": rate.normalize(), **asdict(figures)}


def _gateway_share(name: str, figures: Figures) -> dict[str, Any]:
    return {
        "gateway_name": name,
        "transaction_count": figures.transaction_count,
        "total_amount": figures.total_amount,
        "service_fee_amount": figures.total_service_fee_amount,
    }


def _moment(name: str, attrs: dict[str, Any]) -> datetime:
    """Return a query's moment in UTC; a date is midnight in the query's zone."""
    try:
        moment = datetime.fromisoformat(attrs[name])
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=attrs["tz"])
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise serializers.ValidationError({name: ["There is no such moment."]}) from error
