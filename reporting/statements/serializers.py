"""Shape of a request for a statement."""

import re
from datetime import date
from typing import Any

from rest_framework import serializers

from gateways.fees.serializers import CurrencyField
from reporting.financial.serializers import ZonedQuery
from reporting.statements.models import StatementProfile

MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)


class MonthQuery(ZonedQuery):
    month = serializers.CharField(help_text="such as 2026-11")

    def validate_month(self, month: str) -> date:
        """Return the month's first day."""
        found = MONTH.fullmatch(month)
        if found is None:
            raise serializers.ValidationError("Must be a month, such as 2026-11.")
        return date(int(found[1]), int(found[2]), 1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["month"] > self.context["now"].astimezone(attrs["tz"]).date():
            raise serializers.ValidationError({"month": ["Has not begun yet."]})
        return attrs


class StatementQuery(MonthQuery):
    currency = CurrencyField(required=False)


class StatementPDFQuery(MonthQuery):
    language = serializers.ChoiceField(
        choices=StatementProfile.Language.choices,
        required=False,
        help_text="of the texts; the one that PayTrust keeps for you unless given",
    )
