"""What PayTrust must know of a gateway before it calls it: all that differs by gateway.

Each gateway's folder has one `GatewayDescriptor`; `settings.GATEWAYS` names them. Pure: the
settings themselves read descriptors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache

from django.utils.module_loading import import_string

from gateways import refund_terms
from gateways.adapter import GatewayAdapter
from gateways.refund_terms import RefundAnswer, RefundTerms

Connection = Mapping[str, str]
"""An account's addresses and secrets, by the names that the adapter gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A base URL of the gateway, and the variable that names another one."""

    variable: str
    default: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRate:
    """Calls a minute that an account may make of each kind, where the gateway says no other.

    0 means no figure: only the gateway's own headers and refusals slow us down.
    """

    variable: str  # of the environment; it stands for both
    live: int
    test: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingFee:
    """What the gateway charges in a currency until staff change it (FR-027)."""

    percentage: Decimal
    fixed_amount: int  # minor units


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLife:
    """How long a page for the customer may live at the gateway."""

    shortest: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDescriptor:
    """One gateway."""

    code: str  # used in the database, in webhook paths and in commands
    name: str
    currencies: tuple[str, ...]
    starting_fees: Mapping[str, StartingFee]  # by currency
    addresses: Mapping[str, Address]  # by the adapter's names
    credentials: Mapping[str, str]  # the adapter's names, and their variables in the environment
    test_credentials: tuple[str, ...]  # how the values of a test account begin
    key_name: str  # the credential that makes calls; it shows whether it is test or live
    build: Callable[[Connection], GatewayAdapter]
    webhook_name: str  # the last part of /webhooks/...
    lists_paid: bool  # one call lists many payments
    makes_reports: bool  # of all transactions of a month
    shows_balance: bool  # what it was at two moments
    methods: Mapping[str, tuple[str, ...]]  # what a merchant may ask for: banks or stores of each
    page_life: PageLife
    call_rate: CallRate
    refund_terms: Callable[[str | None, str | None], RefundTerms]  # of a method and its channel
    paid_by: tuple[tuple[str, str], ...] = ()  # methods and channels, as its reports name them

    @property
    def credential_names(self) -> frozenset[str]:
        """The secrets that an account consists of."""
        return frozenset(self.credentials)

    def connection(self, read: Callable[[str, str], str]) -> dict[str, str]:
        """Return the platform's own account.

        Args:
            read: takes a variable's name and default and returns its value.
        """
        addresses = {name: read(one.variable, one.default) for name, one in self.addresses.items()}
        return addresses | {name: read(variable, "") for name, variable in self.credentials.items()}

    def is_test_account(self, connection: Connection) -> bool:
        """Return whether an account is a test account, on which no real money moves."""
        return connection.get(self.key_name, "").startswith(self.test_credentials)

    def calls_per_minute(self, connection: Connection) -> int:
        """Return how many calls a minute of one kind an account may make; 0: no figure."""
        return self.call_rate.test if self.is_test_account(connection) else self.call_rate.live

    def refund_answer(
        self, *, method: str | None, channel: str | None, paid_at: datetime, now: datetime
    ) -> RefundAnswer:
        """Say what a payment can give back now (spec 10.3).

        Args:
            method: as the gateway reported it with the payment.
            channel: as the gateway reported it: the bank, wallet, shop or issuer.
            paid_at: when the customer paid.
            now: when the refund would be sent.
        """
        return refund_terms.answer(self.refund_terms(method, channel), paid_at=paid_at, now=now)


@cache
def loaded(paths: Sequence[str]) -> tuple[GatewayDescriptor, ...]:
    """Return the descriptors at these dotted paths; the settings call it while they load.

    Raises:
        ImportError: there is no such module or name.
    """
    return tuple(import_string(path) for path in paths)
