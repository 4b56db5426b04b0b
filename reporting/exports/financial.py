"""The financial report as a table, in whole currency."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from paytrust.money import Money
from paytrust.web.spreadsheets import Cell
from reporting.financial.figures import CurrencyReport, Figures

AMOUNTS = ("subtotal", "tax", "service fee", "overpayment", "total")


def financial_rows(
    *, reports: Sequence[CurrencyReport], start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[Sequence[Cell]]:
    """Yield the financial report as a table, the head first; each figure is the report's own."""
    zones: dict[str, tzinfo] = {"UTC": UTC, zone.key: zone}
    yield [
        *(f"{name} ({shown})" for shown in zones for name in ("from", "until")),
        *("currency", "part", "of", "transactions", *AMOUNTS),
    ]
    period = [_shown(moment, shown) for shown in zones.values() for moment in (start, end)]
    for report in reports:
        for line in _lines(report):
            yield [*period, report.currency_code, *line]


def _lines(report: CurrencyReport) -> Iterator[list[Cell]]:
    def whole(amount: int) -> Cell:
        return Money(amount, report.currency_code).whole()

    yield ["received", None, *_figures(report.received, report.currency_code)]
    for rate, tax in sorted(report.taxes.items()):
        of = rate.normalize()
        yield ["tax rate", of, tax.transaction_count, None, whole(tax.amount), None, None, None]
        yield ["tax rate refunded", of, None, None, whole(tax.refunded_amount), None, None, None]
        yield ["tax rate reversed", of, None, None, whole(tax.reversed_amount), None, None, None]
    for name, at in sorted(report.gateways.items()):
        fee, total = whole(at.total_service_fee_amount), whole(at.total_amount)
        yield ["gateway", name, at.transaction_count, None, None, fee, None, total]
    for section, figures in (
        ("overpayments", report.overpayments),
        ("refunds", report.refunds),
        ("reversals", report.reversals),
    ):
        yield [section, None, *_figures(figures, report.currency_code)]
    yield ["net", None, None, None, None, None, None, whole(report.net_amount)]


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    """Return a time in a zone, to the second; the head names the zone."""
    return moment.astimezone(zone).replace(tzinfo=None, microsecond=0)


def _figures(figures: Figures, currency_code: str) -> list[Cell]:
    amounts = (
        figures.subtotal_amount,
        figures.total_tax_amount,
        figures.total_service_fee_amount,
        figures.overpayment_amount,
        figures.total_amount,
    )
    return [
        figures.transaction_count,
        *(Money(amount, currency_code).whole() for amount in amounts),
    ]
