"""Midtrans, as PayTrust knows it."""

from decimal import Decimal

from gateways.descriptor import Address, CallRate, GatewayDescriptor, PageLife, StartingFee
from gateways.midtrans import messages, methods
from gateways.midtrans.adapter import MidtransAdapter

MIDTRANS = GatewayDescriptor(
    code="midtrans",
    name="Midtrans",
    currencies=(messages.CURRENCY,),
    starting_fees={"IDR": StartingFee(percentage=Decimal(2), fixed_amount=2500)},
    addresses={
        "core_base_url": Address(
            variable="MIDTRANS_CORE_BASE_URL", default="https://api.midtrans.com"
        ),
        "snap_base_url": Address(
            variable="MIDTRANS_SNAP_BASE_URL", default="https://app.midtrans.com/snap/v1"
        ),
    },
    credentials={"server_key": "MIDTRANS_SERVER_KEY", "client_key": "MIDTRANS_CLIENT_KEY"},
    test_credentials=("SB-Mid-",),
    key_name="server_key",
    build=lambda connection: MidtransAdapter(**connection),
    webhook_name="midtrans",
    lists_paid=False,
    makes_reports=False,
    shows_balance=True,
    methods=methods.CHOICES,
    page_life=PageLife(shortest=messages.SHORTEST_LIFE, longest=messages.LONGEST_LIFE),
    call_rate=CallRate(variable="MIDTRANS_CALLS_PER_MINUTE", live=600, test=600),  # none published
    refund_terms=methods.refund_terms_of,
    paid_by=methods.PAID_BY,
)
