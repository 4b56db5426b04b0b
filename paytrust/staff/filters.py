"""Filters of lists: an index answers each of them, and none counts rows."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from paytrust.money import EXPONENTS

FIRST_YEAR, LAST_YEAR = 1970, 2200


class CurrencyFilter(DropdownFilter):  # type: ignore[misc]  # the theme has no types
    """The currencies served; Django's own filter would read the whole table to find them."""

    title = _("currency")
    parameter_name = "currency_code"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(code, code) for code in sorted(EXPONENTS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(currency_code=self.value()) if self.value() else queryset


class CurrencyOfInvoiceFilter(CurrencyFilter):
    """The same for rows whose invoice holds the currency."""

    parameter_name = "invoice__currency_code"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(invoice__currency_code=self.value()) if self.value() else queryset


class DatesForm(forms.Form):
    def __init__(self, *, name: str, data: dict[str, str | None]) -> None:
        super().__init__(data)
        for end, label in (("from", _("From")), ("to", _("To"))):
            self.fields[f"{name}_{end}"] = forms.CharField(
                label=label,
                required=False,
                widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
            )


class DatesFilter(RangeDateFilter):  # type: ignore[misc]  # the theme has no types
    """From the first moment of a day to the last moment of another, in the reader's zone."""

    form_class = DatesForm
    template = "staff/dates_filter.html"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self.days()
        if first is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": beginning_of(first)})
        if last is not None:
            after = beginning_of(last + timedelta(days=1))
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": after})
        return queryset

    def days(self) -> tuple[date | None, date | None]:
        """Return the first and the last day that the reader asks for, as far as they do."""
        return self._day("from"), self._day("to")

    def choices(self, changelist: object) -> Iterator[dict[str, Any]]:
        for choice in super().choices(changelist):
            yield {**choice, "title": self.title}

    def _day(self, end: str) -> date | None:
        """Return a day from the reader's input; None for a day that makes no sense."""
        try:
            day = date.fromisoformat(self.used_parameters.get(f"{self.parameter_name}_{end}", ""))
        except ValueError:
            return None
        return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def beginning_of(day: date) -> datetime:
    """Return the first moment of a day in the reader's zone."""
    return datetime.combine(day, time(), timezone.get_current_timezone())
