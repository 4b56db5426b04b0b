"""Asks gateways that have a list for what they settled; the last in their budgets (spec 12.2)."""

import hashlib
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import structlog

from gateways import registry
from gateways.adapter import GatewayBusy, GatewayError
from gateways.budgets.pacing import Priority
from gateways.budgets.watching import WatchedAdapter
from gateways.models import Gateway, GatewayAccount
from gateways.settlements import SettlementPage, SettlementRow
from invoices.models import Transaction
from payments.settlement import accounts, services
from payments.settlement.models import SettlementImport
from paytrust.money import EXPONENTS
from paytrust.operations.database import release_connection

log = structlog.get_logger(__name__)

FIRST_ROUND: Final = timedelta(days=31)  # how far the first round of an account looks back
OVERLAP: Final = timedelta(hours=24)  # a row may appear late behind the moment of its change
ACTIVE: Final = timedelta(days=62)  # an account without payments for so long is asked no more
LONGEST_WAIT_SECONDS: Final = 60.0
MOST_WAITS: Final = 30  # of one round, so that it ends well before its message is due again


def accounts_to_ask(*, now: datetime) -> list[tuple[str, int | None]]:
    """Return the gateway's code and the id of each account that took money lately."""
    recent = Transaction.objects.filter(created_at__gte=now - ACTIVE)
    found = recent.values_list("gateway__code", "gateway", "payment_request__account_id").distinct()
    pairs = {(code, accounts.newest_id(gateway, account)) for code, gateway, account in found}
    return sorted(pairs, key=lambda pair: (pair[0], pair[1] or 0))


def fetch(
    *, code: str, account_id: int | None, now: datetime, since: datetime | None = None
) -> SettlementImport | None:
    """Import what changed at a gateway since the last round, and a day before it.

    All pages are read first, so a round is kept as a whole or not at all.

    Returns:
        The import; None if the gateway has no list.

    Raises:
        GatewayBusy, GatewayTimeout, GatewayUnavailable, GatewayRejected: nothing was kept.
    """
    gateway = Gateway.objects.get(code=code)
    account = GatewayAccount.objects.get(pk=account_id) if account_id is not None else None
    start = since or _start(gateway, account, now)
    adapter = registry.adapter_for(code, account_id=account_id, priority=Priority.RECONCILIATION)
    release_connection()
    rows: list[SettlementRow] = []
    for currency in sorted(EXPONENTS):
        for page in _pages(adapter, start, currency):
            if page is None:
                return None
            rows += page.rows
    name = f"{start.isoformat()} {now.isoformat()} {code} {account_id}"
    made = SettlementImport(
        tenant_id=account.tenant_id if account else None,
        gateway=gateway,
        account=account,
        source=SettlementImport.Source.API,
        sha256=hashlib.sha256(name.encode()).hexdigest(),
        covers_from=start,
        covers_to=now,
        imported_at=now,
    )
    return services.import_rows(made=made, rows=rows, now=now)


def fetch_for_job(*, code: str, account_id: int | None, now: datetime) -> None:
    """Import as `fetch` does; a failure is logged, and the next round covers the same time."""
    try:
        fetch(code=code, account_id=account_id, now=now)
    except GatewayError as error:
        log.warning("settlements not fetched", gateway=code, account=account_id, reason=str(error))


def _start(gateway: Gateway, account: GatewayAccount | None, now: datetime) -> datetime:
    rounds = SettlementImport.objects.filter(
        accounts.having(accounts.ids_of(gateway.pk, account.pk if account else None)),
        gateway=gateway,
        source=SettlementImport.Source.API,
        withdrawn_by=None,
    )
    last = rounds.order_by("-covers_to").values_list("covers_to", flat=True).first()
    return last - OVERLAP if last else now - FIRST_ROUND


def _pages(
    adapter: WatchedAdapter, since: datetime, currency: str
) -> Iterator[SettlementPage | None]:
    after: str | None = None
    waits = 0
    while True:
        try:
            page = adapter.settlement_page(since=since, currency=currency, after=after)
        except GatewayBusy as busy:
            waits += 1
            if waits > MOST_WAITS:
                raise
            time.sleep(min(busy.wait_seconds, LONGEST_WAIT_SECONDS))
            continue
        yield page
        if page is None or page.after is None:
            return
        after = page.after
