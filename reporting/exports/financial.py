"""The financial report as a table, in whole currency."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from paytrust.money import Money
from paytrust.web.spreadsheets import Cell
from reporting.financial.selectors import CurrencyReport, Figures


def financial_rows(
    *, reports: Sequence[CurrencyReport], start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[Sequence[Cell]]:
    """Yield the financial report as a table, its head first; each figure as the report has it."""
    yield [
        *(f"{name} ({shown})" for shown in ("UTC", zone.key) for name in ("from", "until")),
        *("currency", "part", "of", "transactions", "subtotal", "tax", "service fee", "total"),
    ]
    period = [_shown(moment, shown) for shown in (UTC, zone) for moment in (start, end)]
    for report in reports:
        code = report.currency_code
        yield [*period, code, "settled", None, *_amounts(report.settled, code)]
        for rate, figures in sorted(report.taxes.items()):
            tax = Money(figures.total_tax_amount, code).whole()
            count = figures.transaction_count
            yield [*period, code, "tax rate", rate.normalize(), count, None, tax, None, None]
        for name, figures in sorted(report.gateways.items()):
            fee = Money(figures.total_service_fee_amount, code).whole()
            count = figures.transaction_count
            yield [*period, code, "gateway", name, count, None, None, fee, None]
        yield [*period, code, "reversals", None, *_amounts(report.reversed, code)]


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment as a zone's clocks show it, to the second; the head names the zone."""
    return moment.astimezone(zone).replace(tzinfo=None, microsecond=0)


def _amounts(figures: Figures, currency_code: str) -> list[Cell]:
    return [
        figures.transaction_count,
        *(
            Money(amount, currency_code).whole()
            for amount in (
                figures.subtotal_amount,
                figures.total_tax_amount,
                figures.total_service_fee_amount,
                figures.total_amount,
            )
        ),
    ]
