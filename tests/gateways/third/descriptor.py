"""The descriptor of the third gateway."""

from datetime import timedelta
from decimal import Decimal

from gateways.descriptor import Address, CallRate, GatewayDescriptor, PageLife, StartingFee
from tests.gateways.third import methods
from tests.gateways.third.adapter import ThirdAdapter

THIRD = GatewayDescriptor(
    code="third",
    name="Third",
    currencies=("MYR",),
    starting_fees={"MYR": StartingFee(percentage=Decimal(1), fixed_amount=0)},
    addresses={"base_url": Address(variable="THIRD_BASE_URL", default="http://127.0.0.1:9")},
    credentials={"key": "THIRD_KEY", "signing_key": "THIRD_SIGNING_KEY"},
    test_credentials=("test_",),
    key_name="key",
    build=lambda connection: ThirdAdapter(**connection),
    webhook_name="third",
    lists_paid=False,
    makes_reports=False,
    shows_balance=False,
    methods=methods.CHOICES,
    page_life=PageLife(shortest=timedelta(minutes=1), longest=timedelta(days=1)),
    call_rate=CallRate(variable="THIRD_CALLS_PER_MINUTE", live=600, test=0),
    refund_terms=methods.refund_terms_of,
)
