"""Shapes of requests for statements and for what they say about the merchant."""

import re
from datetime import date
from typing import Any

from django.core.validators import validate_email
from rest_framework import serializers

from gateways.fees.serializers import CurrencyField
from paytrust.web.serializers import StrictCharField, StrictSerializer
from reporting.financial.serializers import ZonedQuery
from reporting.statements import services
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


class StatementProfileRequest(StrictSerializer):
    legal_name = StrictCharField(max_length=140, required=False, allow_blank=True)
    registration_number = StrictCharField(
        max_length=50, required=False, allow_blank=True, help_text="such as NIB or SSM"
    )
    tax_number = StrictCharField(
        max_length=50, required=False, allow_blank=True, help_text="such as NPWP or SST"
    )
    address = StrictCharField(max_length=500, multi_line=True, required=False, allow_blank=True)
    language = serializers.ChoiceField(choices=StatementProfile.Language.choices, required=False)
    zone = serializers.ChoiceField(
        choices=StatementProfile.Zone.choices,
        required=False,
        help_text="whose midnights separate months and days",
    )
    email = StrictCharField(
        max_length=254,
        required=False,
        allow_null=True,
        validators=[validate_email],
        help_text="gets each month's statement; null: it is kept, and not sent",
    )


class StatementProfileResponse(serializers.ModelSerializer[StatementProfile]):
    class Meta:
        model = StatementProfile
        fields = services.FIELDS
