from base64 import urlsafe_b64encode
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from apikeys.models import Tenant
from paytrust.web.pagination import Cursor, InvalidCursor, NewestFirst, PageQuery
from tests.apikeys.factories import TenantFactory

pytestmark = pytest.mark.django_db


def names(*numbers: int) -> list[str]:
    return [f"T{number}" for number in numbers]


@pytest.fixture
def tenants() -> list[Tenant]:
    return [TenantFactory.create(name=f"T{number}") for number in range(1, 8)]


def page(url: str = "/things?limit=3") -> dict[str, Any]:
    pages = NewestFirst()
    rows = pages.paginate_queryset(Tenant.objects.all(), Request(APIRequestFactory().get(url)))
    answer: dict[str, Any] = pages.get_paginated_response([row.name for row in rows]).data
    return answer


@pytest.mark.usefixtures("tenants")
class TestNewestFirst:
    def test_walks_to_the_oldest_and_back(self) -> None:
        first = page()
        second = page(first["next"])
        last = page(second["next"])

        assert first["results"] == names(7, 6, 5)
        assert second["results"] == names(4, 3, 2)
        assert last["results"] == names(1)
        assert (first["previous"], last["next"]) == (None, None)
        assert page(last["previous"])["results"] == names(4, 3, 2)
        back = page(second["previous"])
        assert (back["results"], back["previous"]) == (names(7, 6, 5), None)
        assert page(back["next"])["results"] == names(4, 3, 2)

    def test_ends_with_a_page_that_is_exactly_full(self) -> None:
        assert page("/things?limit=7")["next"] is None

    def test_neither_repeats_nor_skips_when_rows_arrive_meanwhile(self) -> None:
        first = page()
        TenantFactory.create(name="T8")

        assert page(first["next"])["results"] == names(4, 3, 2)

    def test_shows_rows_that_arrived_meanwhile_on_the_way_back(self) -> None:
        first = page()
        second = page(first["next"])
        TenantFactory.create(name="T8")

        back = page(second["previous"])
        assert back["results"] == names(7, 6, 5)
        assert page(back["previous"])["results"] == names(8)

    def test_leads_out_of_a_page_that_has_become_empty(self) -> None:
        older = page("/things?limit=6")["next"]
        Tenant.objects.filter(name="T1").delete()

        empty = page(older)

        assert (empty["results"], empty["next"]) == ([], None)
        assert page(empty["previous"])["results"] == names(7, 6, 5, 4, 3, 2)

    def test_gives_full_urls_that_keep_the_filters(self) -> None:
        answer = page("/things?limit=3&status=pending")

        assert answer["next"].startswith("http://testserver/things?")
        assert "status=pending" in answer["next"]
        assert "limit=3" in answer["next"]

    def test_asks_one_query_and_never_counts(self) -> None:
        older = page()["next"]

        with CaptureQueriesContext(
            connection,
        ) as queries:
            page(older)

        assert len(queries) == 1
        assert "COUNT" not in queries[0]["sql"]
        assert queries[0]["sql"].endswith("LIMIT 4")

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "x",
            "%00",
            "é",
            "PDE",
            urlsafe_b64encode(b"<x").decode(),
            urlsafe_b64encode(b"<1 OR 1").decode(),
            str(Cursor("=", 1)),
            str(Cursor("<", -1)),
            str(Cursor("<", 10**19)),
        ],
    )
    def test_refuses_a_cursor_that_is_not_ours(self, cursor: str) -> None:
        with pytest.raises(InvalidCursor):
            page(f"/things?cursor={cursor}")

    @pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1.5", "1e1", "\u0661", "9" * 99])
    def test_refuses_a_limit_out_of_range(self, limit: str) -> None:
        with pytest.raises(serializers.ValidationError) as refusal:
            page(f"/things?limit={limit}")

        assert list(refusal.value.detail) == ["limit"]


def test_a_list_without_rows_has_no_neighbors() -> None:
    assert page() == {"results": [], "next": None, "previous": None}


def test_page_query_names_parameters_that_it_does_not_know() -> None:
    query = PageQuery(data=RequestFactory().get("/things?limit=3&sort=asc").GET)

    assert not query.is_valid()
    assert query.errors == {"sort": ["This field is not known."]}


def test_cursor_survives_http() -> None:
    assert Cursor.parse(str(Cursor("<", 77))) == Cursor("<", 77)
