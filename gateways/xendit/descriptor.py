"""Xendit, as PayTrust knows it."""

from datetime import timedelta
from decimal import Decimal

from gateways.descriptor import Address, CallRate, GatewayDescriptor, PageLife, StartingFee
from gateways.xendit import methods
from gateways.xendit.adapter import XenditAdapter
from gateways.xendit.messages import LONGEST_SECONDS

XENDIT = GatewayDescriptor(
    code="xendit",
    name="Xendit",
    currencies=("IDR", "MYR", "USD"),
    starting_fees={
        "IDR": StartingFee(percentage=Decimal("2.5"), fixed_amount=2000),
        "MYR": StartingFee(percentage=Decimal(3), fixed_amount=0),
        "USD": StartingFee(percentage=Decimal("3.5"), fixed_amount=30),
    },
    addresses={"base_url": Address(variable="XENDIT_BASE_URL", default="https://api.xendit.co")},
    credentials={"secret_key": "XENDIT_SECRET_KEY", "callback_token": "XENDIT_CALLBACK_TOKEN"},
    test_credentials=("xnd_development_",),
    key_name="secret_key",
    build=lambda connection: XenditAdapter(**connection),
    webhook_name="xendit",
    lists_paid=True,
    makes_reports=True,
    shows_balance=False,
    methods=methods.CHOICES,
    page_life=PageLife(shortest=timedelta(seconds=1), longest=timedelta(seconds=LONGEST_SECONDS)),
    call_rate=CallRate(variable="XENDIT_CALLS_PER_MINUTE", live=600, test=60),  # C3
    refund_terms=methods.refund_terms_of,
    paid_by=methods.PAID_BY,
)
