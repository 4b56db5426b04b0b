"""Shapes of quotes."""

from typing import Any

from rest_framework import serializers

from invoices.invoices.serializers import InvoiceCreateRequest
from invoices.quotes.services import Quote
from paytrust.money import Money, plain
from paytrust.web.serializers import StrictDecimalField, UTCDateTimeField


class QuoteRequest(InvoiceCreateRequest):
    """The body of POST /invoices. What does not change a price is checked and has no effect."""


class QuoteLine(serializers.Serializer[Any]):
    product_name = serializers.CharField(help_text="As in the request.")
    quantity = StrictDecimalField(help_text="2 if it is whole, else such as 1.5.")
    unit_price = StrictDecimalField(help_text="In whole currency.")
    discount_amount = serializers.IntegerField(help_text="In minor units.")
    tax_rate = StrictDecimalField(help_text="0.11 is 11 %.")
    subtotal_amount = serializers.IntegerField(help_text="What is taxed, in minor units.")
    tax_amount = serializers.IntegerField(help_text="In minor units.")


class QuoteTax(serializers.Serializer[Any]):
    tax_rate = StrictDecimalField(help_text="0.11 is 11 %.")
    taxed_amount = serializers.IntegerField(help_text="The subtotals of its lines, in minor units.")
    amount = serializers.IntegerField(help_text="The tax of its lines, in minor units.")


class QuoteGateway(serializers.Serializer[Any]):
    gateway_id = serializers.IntegerField(help_text="As in GET /gateways.")
    gateway_name = serializers.CharField(help_text="As in GET /gateways.")
    fee_percentage = StrictDecimalField(help_text="Of the subtotal; 2.9 is 2.9 %.")
    fee_fixed_amount = serializers.IntegerField(help_text="On top, in minor units.")
    total_service_fee_amount = serializers.IntegerField(
        help_text="What the customer pays for the use of this gateway, in minor units."
    )
    total_amount = serializers.IntegerField(
        help_text="What the customer pays at this gateway, in minor units."
    )


class QuoteInstallment(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="1, 2, 3 ...")
    due_date = UTCDateTimeField(help_text="When it is due.")
    amount = serializers.IntegerField(help_text="Without tax and service fee, in minor units.")
    tax = serializers.IntegerField(help_text="Its share of the tax, in minor units.")
    service_fee = serializers.IntegerField(help_text="Its share of the fee, in minor units.")
    total = serializers.IntegerField(help_text="What the customer pays, in minor units.")


class QuoteResponse(serializers.Serializer[Any]):
    """What an invoice with this body would cost."""

    currency_code = serializers.CharField(help_text="ISO 4217.")
    gateway_id = serializers.IntegerField(help_text="The gateway that was asked for.")
    selected_gateway = serializers.CharField(help_text="Its name.")
    subtotal_amount = serializers.IntegerField(help_text="The sum of the lines, in minor units.")
    total_tax_amount = serializers.IntegerField(help_text="The sum of their taxes, in minor units.")
    total_service_fee_amount = serializers.IntegerField(help_text="In minor units.")
    total_amount = serializers.IntegerField(help_text="What the customer pays, in minor units.")
    expires_at = UTCDateTimeField(help_text="Until when an invoice made now could be paid.")
    line_items = QuoteLine(many=True, help_text="As in the request, priced and taxed.")
    tax_breakdown = QuoteTax(many=True, help_text="The tax at each rate, the lowest first.")
    gateways = QuoteGateway(
        many=True, help_text="The fee at every gateway that takes the currency."
    )
    installment_schedule = QuoteInstallment(
        many=True, required=False, help_text="Where 2 to 12 installments were asked for."
    )

    def to_representation(self, instance: Quote) -> dict[str, Any]:
        charges, request = instance.charges, instance.request
        answer = {
            "currency_code": request.currency_code,
            "gateway_id": instance.fee.gateway_id,
            "selected_gateway": instance.fee.gateway.name,
            "subtotal_amount": charges.subtotal_amount,
            "total_tax_amount": charges.total_tax_amount,
            "total_service_fee_amount": charges.total_service_fee_amount,
            "total_amount": charges.total_amount,
            "expires_at": instance.expires_at,
            "line_items": _lines(instance),
            "tax_breakdown": [
                {"tax_rate": rate.normalize(), "taxed_amount": taxed, "amount": tax}
                for rate, taxed, tax in instance.taxes
            ],
            "gateways": _gateways(instance),
        }
        if request.installments is not None:
            answer["installment_schedule"] = [
                {
                    "number": one.number,
                    "due_date": due_date,
                    "amount": one.net_amount,
                    "tax": one.tax_amount,
                    "service_fee": one.service_fee_amount,
                    "total": one.total_amount,
                }
                for one, due_date in zip(instance.installments, instance.due_dates, strict=True)
            ]
        return answer


def _lines(quote: Quote) -> list[dict[str, Any]]:
    currency_code = quote.request.currency_code
    return [
        {
            "product_name": asked.product_name,
            "quantity": plain(asked.quantity),
            "unit_price": Money(line.unit_amount, currency_code).whole(),
            "discount_amount": line.discount_amount,
            "tax_rate": asked.tax_rate.normalize(),
            "subtotal_amount": line.subtotal_amount,
            "tax_amount": line.tax_amount,
        }
        for asked, line in zip(quote.request.line_items, quote.lines, strict=True)
    ]


def _gateways(quote: Quote) -> list[dict[str, Any]]:
    return [
        {
            "gateway_id": offer.fee.gateway_id,
            "gateway_name": offer.fee.gateway.name,
            "fee_percentage": plain(offer.fee.percentage),
            "fee_fixed_amount": offer.fee.fixed_amount,
            "total_service_fee_amount": offer.charges.total_service_fee_amount,
            "total_amount": offer.charges.total_amount,
        }
        for offer in quote.offers
    ]
