"""Pages that are read together with what belongs to their rows."""

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from apikeys.models import Tenant
from paytrust.operations import listing, rows
from paytrust.operations.listing import PAGE
from paytrust.operations.trips import Statement
from tests.apikeys.factories import TenantFactory

pytestmark = pytest.mark.django_db
NAMES = Statement(f"SELECT name FROM apikeys_tenant WHERE id = ANY({PAGE}) ORDER BY name")  # noqa: S608  # our own name


def named(*names: str) -> list[Tenant]:
    return [TenantFactory.create(name=name) for name in names]


def newest(tenants: QuerySet[Tenant]) -> QuerySet[Tenant]:
    return tenants.order_by("-pk")[:2]


class TestRead:
    def test_has_the_page_in_its_order_and_what_belongs_to_it(self) -> None:
        named("Kopi Gayo", "Toko Satu", "Kopi Toraja")

        page, names = listing.read(newest(Tenant.objects.all()), NAMES)

        assert [rows.made(Tenant, row).name for row in page] == ["Kopi Toraja", "Toko Satu"]
        assert names == [("Kopi Toraja",), ("Toko Satu",)]

    def test_finds_nothing_that_belongs_to_an_empty_page(self) -> None:
        named("Kopi Gayo")
        listing.read(newest(Tenant.objects.all()), NAMES)  # its ids are kept until the next one

        assert listing.read(newest(Tenant.objects.filter(name="Toko")), NAMES) == [[], []]

    def test_takes_what_a_filter_looks_for_as_it_is(self) -> None:
        named("100 % Kopi", "100 %s Kopi", "%(p0)s")

        for text in ("100 % ", "%s", "%(p0)s", "'"):
            found, _ = listing.read(newest(Tenant.objects.filter(name__contains=text)), NAMES)
            expected = list(newest(Tenant.objects.filter(name__contains=text)))
            assert [rows.made(Tenant, row) for row in found] == expected

    def test_is_not_prepared_unlike_what_belongs_to_it(self) -> None:
        named("Kopi Gayo")

        listing.read(newest(Tenant.objects.filter(name__startswith="Kopi")), NAMES)

        with connection.cursor() as cursor:
            cursor.execute("SELECT statement FROM pg_prepared_statements")
            prepared = [sql for (sql,) in cursor.fetchall()]
        assert NAMES.sql in prepared
        assert not any("WITH page" in sql for sql in prepared)


class TestReadOf:
    def test_has_what_belongs_to_rows_that_the_caller_has(self) -> None:
        first, _, third = named("Kopi Gayo", "Toko Satu", "Kopi Toraja")

        with CaptureQueriesContext(connection) as queries:
            [names] = listing.read_of([first.pk, third.pk], NAMES)

        assert names == [("Kopi Gayo",), ("Kopi Toraja",)]
        sent = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
        assert len(sent) == 2
