"""Rates and shares, as the reader writes numbers."""

from decimal import Decimal

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation

from reporting.templatetags.back_office import percentage, share

RATE, SHARE = Decimal("0.0250"), Decimal("0.0125")
NO_BREAK = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("language", "rate", "one"), [("en", "2.5", "1.25"), ("id", "2,5", "1,25")]
)
def test_have_the_marks_of_the_language(language: str, rate: str, one: str) -> None:
    with translation.override(language):
        assert percentage(RATE) == f"{rate}{NO_BREAK}%"
        assert share(SHARE) == f"{one}{NO_BREAK}%"


def test_have_as_many_decimals_as_they_need() -> None:
    assert percentage(Decimal(0)) == f"0{NO_BREAK}%"
    assert percentage(Decimal("0.1000")) == f"10{NO_BREAK}%"
    assert share(Decimal("0.1")) == f"10.00{NO_BREAK}%"


@pytest.mark.django_db
def test_of_a_fee_are_alike_in_the_list_on_its_page_and_in_its_history() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "id"

    page, rows = (
        client.get(f"/admin/gateways/gatewayfee/{of}").text for of in ("1/change/", "?o=4")
    )

    assert "2,5000" not in page + rows
    assert page.count("2,5") == len(["of the fee", "of its history"])
    assert "2,5" in rows
