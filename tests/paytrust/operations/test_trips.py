"""Statements that go to the database together."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apikeys.models import Tenant
from apikeys.tenants import wall
from invoices.models import Installment, Invoice, PaymentRequest
from paytrust.operations import rows
from paytrust.operations.database import violated_constraint
from paytrust.operations.trips import Statement, join, trip
from tests.apikeys.factories import NOON, TenantFactory
from tests.invoices.factories import invoice

NEW = """
INSERT INTO apikeys_tenant (name, created_at) VALUES (%(name)s, %(now)s) RETURNING id"""
NAMES = Statement("SELECT name FROM apikeys_tenant ORDER BY name")


def new(name: str) -> Statement:
    return Statement(NEW, {"name": name, "now": NOON})


def required(found: bool, name: str = "gayo_is_there") -> Statement:
    return Statement("SELECT paytrust_require(%(found)s, %(name)s)", {"found": found, "name": name})


@pytest.fixture(params=[True, False], ids=["prepared", "unprepared"])
def prepared(request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.DATABASE_PREPARED_STATEMENTS = request.param


@pytest.mark.usefixtures("committed", "prepared")
class TestTrip:
    def test_returns_the_rows_of_each_statement(self) -> None:
        (made,), names = trip(new("Kopi Gayo"), NAMES)

        assert made == (Tenant.objects.get().pk,)
        assert names == [("Kopi Gayo",)]

    def test_has_no_rows_where_a_statement_returns_none(self) -> None:
        assert trip(Statement("UPDATE apikeys_tenant SET name = name"), NAMES) == [(), []]

    def test_is_one_transaction(self) -> None:
        first, second = trip(*[Statement("SELECT pg_current_xact_id()::text")] * 2)

        assert first == second

    @pytest.mark.parametrize("nested", [False, True])
    def test_takes_effect_as_a_whole_or_not_at_all(self, nested: bool) -> None:
        TenantFactory.create(name="Kopi Gayo")
        with transaction.atomic() if nested else nullcontext():
            with pytest.raises(IntegrityError) as error:
                trip(new("Toko Satu"), new("Kopi Gayo"), new("Toko Dua"))

            assert violated_constraint(error.value) == "tenant_name"
            assert trip(NAMES) == [[("Kopi Gayo",)]]

    def test_can_be_made_again_after_a_refusal(self) -> None:
        late = Statement("SELECT count(*) FROM apikeys_tenant WHERE name = %(name)s", {"name": "x"})
        for _ in range(2):
            with pytest.raises(IntegrityError):
                trip(required(found=False), late)

        assert trip(late) == [[(0,)]]

    def test_says_what_is_required_and_missing(self) -> None:
        trip(required(found=True))

        for missing in (False, None):
            with pytest.raises(IntegrityError) as error:
                trip(new("Toko Satu"), required(found=missing))  # type: ignore[arg-type]

            assert violated_constraint(error.value) == "gayo_is_there"
        assert Tenant.objects.count() == 0

    def test_names_what_is_no_sql(self) -> None:
        with pytest.raises(ProgrammingError, match="syntax error"):
            trip(Statement("SELEC 1"))

        assert trip(NAMES) == [[]]

    def test_shows_its_statements_with_their_values(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            trip(new("Kopi Gayo"), NAMES)

        assert [query["sql"][:11] for query in queries] == ["INSERT INTO", "SELECT name"]
        assert "'Kopi Gayo'" in queries[0]["sql"]


@pytest.mark.usefixtures("committed")
class TestJoin:
    def test_belongs_to_the_open_transaction(self) -> None:
        with transaction.atomic():
            join(new("Kopi Gayo"))
            transaction.set_rollback(True)

        assert Tenant.objects.count() == 0

    def test_sees_what_the_transaction_wrote(self) -> None:
        with transaction.atomic():
            TenantFactory.create(name="Kopi Gayo")
            assert join(NAMES) == [[("Kopi Gayo",)]]


@pytest.mark.usefixtures("committed")
class TestTheWall:
    @pytest.fixture
    def walled(self) -> Iterator[Tenant]:
        mine = TenantFactory.create(name="Kopi Gayo")
        TenantFactory.create(name="Toko Satu")
        wall.raise_for(mine.pk)
        yield mine
        wall.lower()

    def test_stands_before_each_trip(self, walled: Tenant) -> None:
        for _ in range(2):
            assert trip(NAMES) == [[("Kopi Gayo",)]]

    def test_stands_in_an_open_transaction(self, walled: Tenant) -> None:
        with transaction.atomic():
            assert trip(NAMES) == [[("Kopi Gayo",)]]
        with transaction.atomic():
            assert list(Tenant.objects.values_list("name")) == [("Kopi Gayo",)]
            assert join(NAMES) == [[("Kopi Gayo",)]]

    def test_is_one_prepared_statement_for_all_tenants(self, walled: Tenant) -> None:
        for tenant in Tenant.objects.all():
            wall.raise_for(tenant.pk)
            trip(NAMES)

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_prepared_statements WHERE starts_with(statement, %s)",
                [f"SELECT set_config('{wall.TENANT}'"],
            )
            assert cursor.fetchone() == (1,)

    def test_leaves_nothing_on_the_connection(self, walled: Tenant) -> None:
        trip(NAMES)
        wall.lower()

        assert trip(NAMES) == [[("Kopi Gayo",), ("Toko Satu",)]]


@pytest.mark.django_db
class TestRows:
    @pytest.mark.parametrize("model", [Invoice, Installment, PaymentRequest])
    def test_are_what_the_orm_reads(self, model: type[Invoice]) -> None:
        invoice(customer={"name": "Ayu"}, review_flags=["late"])
        table = model._meta.db_table
        sql = f"SELECT {rows.columns(model, 'it')} FROM {table} it"  # noqa: S608  # our own names

        (found,) = trip(Statement(sql))

        for row, expected in zip(found, model.objects.order_by("pk"), strict=True):
            read = rows.made(model, row)
            assert read == expected
            assert (read._state.adding, read._state.db) == (False, "default")
            assert read.__dict__.keys() == expected.__dict__.keys()
            for field in model._meta.concrete_fields:
                assert getattr(read, field.attname) == getattr(expected, field.attname)
                assert type(getattr(read, field.attname)) is type(getattr(expected, field.attname))
