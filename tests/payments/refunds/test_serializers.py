"""What a refund's answer shows."""

import pytest
from django.utils import timezone
from rest_framework import serializers

from payments.models import Refund
from payments.refunds import services
from payments.refunds.request import RefundRequest
from payments.refunds.serializers import RefundResponse
from paytrust.web import strict_json
from tests.payments.refunds.gateway import RefundingGateway
from tests.payments.refunds.paid import paid_invoice

pytestmark = pytest.mark.usefixtures("committed")


class FromTheModel(RefundResponse):
    """Written by the fields, as the OpenAPI document has them."""

    class Meta(RefundResponse.Meta):
        pass

    to_representation = serializers.ModelSerializer.to_representation


@pytest.mark.parametrize("change", [{}, {"note": None, "external_id": None, "metadata": {}}])
def test_is_what_its_fields_say(gateway: RefundingGateway, change: dict[str, object]) -> None:
    of = paid_invoice()
    asked = {"note": "Sold out.", "external_id": "r-7", "metadata": {"shelf": "3"}, **change}
    services.create_refund(
        tenant=of.tenant,
        invoice_id=of.pk,
        request=RefundRequest(reason="other", amount=2_500, **asked),  # type: ignore[arg-type]  # as above
        now=timezone.now(),
    )
    refund = Refund.objects.get()

    shown = RefundResponse(refund).data

    assert list(shown) == list(RefundResponse.Meta.fields)
    assert strict_json.encode(shown) == strict_json.encode(FromTheModel(refund).data)
