"""When and in which parts an invoice is paid. Pure arithmetic over minor units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from invoices.invoices.charges import Charges
from paytrust.errors import PayTrustError, gettext_noop
from paytrust.money import allocate

MAX_INSTALLMENTS = 12
DEFAULT_INTERVAL_DAYS = 14
LATEST_DUE_DATE = timedelta(days=12 * 366)  # what twelve of the longest intervals reach


class InvalidInstallments(PayTrustError):
    """The instalments asked for do not fit the invoice."""

    code = "invalid_installments"
    for_staff = gettext_noop("The new totals do not fit what is left to pay.")


class InstallmentTooSmall(PayTrustError):
    """An instalment would be below 1 unit, or smaller than its own tax and fee."""

    code = "installment_too_small"
    for_staff = gettext_noop("An instalment would not cover its own tax and fee.")


@dataclass(frozen=True, slots=True)
class InstallmentAmounts:
    """What one instalment asks for, and its shares of the invoice's tax and fee."""

    number: int
    total_amount: int
    tax_amount: int
    service_fee_amount: int

    @property
    def net_amount(self) -> int:
        return self.total_amount - self.tax_amount - self.service_fee_amount


@dataclass(frozen=True, slots=True)
class Unpaid:
    """An instalment that may still change: what it asks for and what was paid into it."""

    number: int
    total_amount: int
    paid_amount: int


def totals(*, total_amount: int, count: int, custom_amounts: Sequence[int] | None) -> list[int]:
    """Return what each of `count` instalments asks for, in minor units.

    Equal parts round down and the last takes the rest. `custom_amounts` are gross:
    `count` of them must sum to `total_amount`; of `count - 1` the last part takes the rest.

    Raises:
        InvalidInstallments: wrong number of custom amounts, or a sum that misses.
        InstallmentTooSmall: a part would be below 1.

    Source: FR-015 to FR-017, FR-063, FR-064.
    """
    if custom_amounts is None:
        amounts = allocate(total_amount, [1] * count)
    elif len(custom_amounts) == count:
        amounts = list(custom_amounts)
        if sum(amounts) != total_amount:
            raise InvalidInstallments(
                f"custom_amounts sum to {sum(amounts)}, the invoice total is {total_amount}",
                details=_of("custom_amounts", f"must sum to exactly {total_amount}"),
            )
    elif len(custom_amounts) == count - 1:
        amounts = [*custom_amounts, total_amount - sum(custom_amounts)]
    else:
        raise InvalidInstallments(
            f"{len(custom_amounts)} custom_amounts for {count} instalments",
            details=_of(
                "custom_amounts", f"give {count} amounts, or {count - 1} and the last rests"
            ),
        )
    _refuse_below_one(amounts)
    return amounts


def split(
    *, totals: Mapping[int, int], tax_amount: int, service_fee_amount: int
) -> list[InstallmentAmounts]:
    """Give each instalment its shares of tax and fee: floors, and the last takes the rest.

    Shares are in proportion to what the instalments ask for, so each column sums exactly
    to what was to be shared out.

    Args:
        totals: what each instalment asks for by its number, in order.
        tax_amount: minor units to share out over them.
        service_fee_amount: the same for the fee.

    Raises:
        InstallmentTooSmall: a part would be smaller than its own tax and fee.

    Source: FR-052, FR-053, SC-007.
    """
    weights = list(totals.values())
    taxes = allocate(tax_amount, weights)
    fees = allocate(service_fee_amount, weights)
    installments = [
        InstallmentAmounts(number, total, tax, fee)
        for (number, total), tax, fee in zip(totals.items(), taxes, fees, strict=True)
    ]
    for installment in installments:
        if installment.net_amount < 0:
            raise InstallmentTooSmall(
                f"instalment {installment.number} of {installment.total_amount} would not cover "
                f"its tax of {installment.tax_amount} and fee of {installment.service_fee_amount}",
                details={"installments": [f"instalment {installment.number} is too small"]},
            )
    return installments


def plan(
    *, charges: Charges, count: int, custom_amounts: Sequence[int] | None
) -> list[InstallmentAmounts]:
    """Return the schedule of a new invoice.

    Raises:
        InvalidInstallments: wrong number of custom amounts, or a sum that misses.
        InstallmentTooSmall: a part would be below 1, or below its own tax and fee.
    """
    amounts = totals(total_amount=charges.total_amount, count=count, custom_amounts=custom_amounts)
    return split(
        totals=dict(enumerate(amounts, start=1)),
        tax_amount=charges.total_tax_amount,
        service_fee_amount=charges.total_service_fee_amount,
    )


def due_dates(
    *, count: int, created_at: datetime, interval_days: int, given: Sequence[datetime] | None
) -> list[datetime]:
    """Return when each instalment is due: as given, or every `interval_days` at 00:00 UTC.

    Raises:
        InvalidInstallments: wrong number, not strictly increasing, or in the past.

    Source: FR-021.
    """
    if given is None:
        midnight = datetime.combine(created_at.astimezone(UTC).date(), time(), UTC)
        return [midnight + timedelta(days=interval_days * n) for n in range(1, count + 1)]
    if len(given) != count:
        raise InvalidInstallments(
            f"{len(given)} due_dates for {count} instalments",
            details=_of("due_dates", f"give exactly {count}"),
        )
    if max(given) > created_at + LATEST_DUE_DATE:
        raise InvalidInstallments(
            f"due date {max(given).isoformat()} is more than 12 years ahead",
            details=_of("due_dates", "must lie within 12 years"),
        )
    earlier = created_at
    for due in given:
        if due <= earlier:
            raise InvalidInstallments(
                f"due date {due.isoformat()} does not come after {earlier.isoformat()}",
                details=_of("due_dates", "must lie in the future and strictly increase"),
            )
        earlier = due
    return list(given)


def adjusted_totals(*, unpaid: Sequence[Unpaid], named: Mapping[int, int]) -> list[int]:
    """Return new totals for the unpaid instalments, in their order.

    All named: the totals must sum to the remaining balance. Some named: the rest of the
    balance is spread over the others in proportion to what they asked for, the last absorbing.
    What was already paid into an instalment is part of its total.

    Raises:
        InvalidInstallments: a number that is not unpaid, a sum that misses, or a total
            below what was already paid.
        InstallmentTooSmall: a part would be below 1.

    Source: FR-066 to FR-069.
    """
    numbers = [installment.number for installment in unpaid]
    strangers = sorted(set(named) - set(numbers))
    if strangers:
        raise InvalidInstallments(
            f"instalments {strangers} are paid or do not exist",
            details={"installments": [f"only {numbers} can be changed"]},
        )
    balance = sum(installment.total_amount for installment in unpaid)
    rest = balance - sum(named.values())
    others = [installment for installment in unpaid if installment.number not in named]
    if rest < 0 or (rest != 0 and not others):
        raise InvalidInstallments(
            f"the named instalments sum to {sum(named.values())}, the balance is {balance}",
            details={"installments": [f"must sum to {balance}"]},
        )
    spread = allocate(rest, [installment.total_amount for installment in others]) if others else []
    shares = dict(zip((installment.number for installment in others), spread, strict=True))
    amounts = [
        named.get(installment.number, shares.get(installment.number, 0)) for installment in unpaid
    ]
    _refuse_below_one(amounts)
    _refuse_below_paid(unpaid, amounts)
    return amounts


def _of(field: str, wrong: str) -> dict[str, dict[str, list[str]]]:
    """Return `details` about a field of the plan, as it is nested in a request."""
    return {"installments": {field: [wrong]}}


def _refuse_below_one(amounts: Sequence[int]) -> None:
    if min(amounts) < 1:
        raise InstallmentTooSmall(
            f"an instalment would ask for {min(amounts)}; the least is 1",
            details={"installments": ["every instalment must be at least 1"]},
        )


def _refuse_below_paid(unpaid: Sequence[Unpaid], amounts: Sequence[int]) -> None:
    for before, total_amount in zip(unpaid, amounts, strict=True):
        if total_amount < before.paid_amount:
            raise InvalidInstallments(
                f"{before.paid_amount} was already paid into instalment {before.number}, "
                f"it cannot ask for {total_amount}",
                details={"installments": [f"instalment {before.number} is below what was paid"]},
            )
