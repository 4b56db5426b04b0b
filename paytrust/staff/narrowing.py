"""What narrows a list: its active filters, each with a way out, and the last months to choose."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from paytrust.staff.filters import DatesFilter

MONTHS = 6  # this one and those before it
DAY, MONTH = "j M Y", "F Y"


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is active."""

    title: str
    value: str
    without: str  # the address of the list without it


@dataclass(frozen=True, slots=True)
class Month:
    """A month to which a list can be narrowed."""

    name: str
    link: str
    is_chosen: bool


def chips(request: HttpRequest, changelist: ChangeList) -> list[Chip]:
    """Return the search and the filters that a list is narrowed by."""
    found = []
    if changelist.query:
        found.append(Chip(_("Search"), changelist.query, _address(changelist, q=None)))
    for spec in changelist.filter_specs:
        names = [name for name in spec.expected_parameters() if name and request.GET.get(name)]
        if names:
            without = _address(changelist, **dict.fromkeys(names))
            found.append(Chip(str(spec.title), _value(request, spec, names[0]), without))
    return found


def months(changelist: ChangeList, *, now: datetime) -> list[Month]:
    """Return this month and those before it, newest first; none if the list has no dates."""
    dates = next((one for one in changelist.filter_specs if isinstance(one, DatesFilter)), None)
    if dates is None:
        return []
    return [_month(changelist, dates, first, last) for first, last in last_months(now=now)]


def last_months(*, now: datetime) -> Iterator[tuple[date, date]]:
    """Yield the first and the last day of this month and of those before it, newest first."""
    first = timezone.localtime(now).date().replace(day=1)
    for _number in range(MONTHS):
        yield first, next_month(first) - timedelta(days=1)
        first = (first - timedelta(days=1)).replace(day=1)


def _month(changelist: ChangeList, dates: DatesFilter, first: date, last: date) -> Month:
    name = dates.parameter_name
    link = _address(
        changelist, **{f"{name}_from": first.isoformat(), f"{name}_to": last.isoformat()}
    )
    return Month(date_format(first, MONTH), link, dates.days() == (first, last))


def next_month(first: date) -> date:
    """Return the first day of the month after a month's first day."""
    return (first + timedelta(days=31)).replace(day=1)


def _address(changelist: ChangeList, **changed: Any) -> str:  # noqa: ANN401  # as Django's
    """Return the address of the list with some parameters changed, and at its first page."""
    return str(changelist.get_query_string({**changed, "p": None}))


def _value(request: HttpRequest, spec: Any, name: str) -> str:  # noqa: ANN401  # any filter
    """Return in words what a filter asks for."""
    if isinstance(spec, DatesFilter):
        return _days(*spec.days())
    value = str(request.GET[name])
    field = getattr(spec, "field", None)
    choices = dict(
        getattr(field, "flatchoices", None) or getattr(spec, "lookup_choices", None) or ()
    )
    if value in choices:
        return str(choices[value])
    related = getattr(field, "related_model", None)
    if related is not None and value.isascii() and value.isdecimal() and len(value) < 19:
        return str(related.objects.filter(pk=int(value)).first() or value)
    return value


def _days(first: date | None, last: date | None) -> str:
    shown = {
        "first": date_format(first, DAY) if first else "",
        "last": date_format(last, DAY) if last else "",
    }
    if first is None:
        return _("until %(last)s") % shown
    if last is None:
        return _("from %(first)s") % shown
    return _("%(first)s to %(last)s") % shown
