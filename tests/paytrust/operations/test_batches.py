"""Statements that are sent to PostgreSQL together, through libpq."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg.pq import ConnStatus, TransactionStatus
from psycopg.types.numeric import Int2, Int8

from paytrust.operations.postgresql import batches
from paytrust.operations.postgresql.batches import Rows

pytestmark = pytest.mark.usefixtures("committed")
WHO = ("dbname", "user", "password", "host", "port")
Question = tuple[str, dict[str, Any]]
ONE: Question = ("SELECT 1", {})


@pytest.fixture
def own() -> Iterator[psycopg.Connection[Any]]:
    """A connection with two tables of its own; one refers to the other, checked at the commit."""
    wanted = connection.get_connection_params()
    made: psycopg.Connection[Any]
    with psycopg.connect(**{name: wanted[name] for name in WHO}, autocommit=True) as made:
        made.execute("CREATE TEMPORARY TABLE parent (id int PRIMARY KEY)")
        made.execute(
            "CREATE TEMPORARY TABLE child"
            " (parent_id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"
        )
        yield made


def asked(own: psycopg.Connection[Any], *questions: Question, prepare: bool = True) -> list[Rows]:
    return batches.answers(own, [(*question, prepare) for question in questions])


def prepared(own: psycopg.Connection[Any]) -> list[str]:
    return [sql for (sql,) in own.execute("SELECT statement FROM pg_prepared_statements")]


class TestAnswers:
    def test_fill_in_values_by_their_names(self, own: psycopg.Connection[Any]) -> None:
        sql = "SELECT %(a)s::text || '100 %%' || %(b)s || %(a)s"

        assert asked(own, (sql, {"a": "x", "b": "y"}), ONE) == [[("x100 %yx",)], [(1,)]]

    def test_may_be_larger_than_what_the_sockets_hold(self, own: psycopg.Connection[Any]) -> None:
        large = "x" * 3_000_000
        echo: Question = ("SELECT %(value)s::text", {"value": large})

        assert asked(own, echo, echo, echo) == [[(large,)]] * 3

    def test_are_refused_as_a_whole_by_what_is_checked_at_the_commit(
        self, own: psycopg.Connection[Any]
    ) -> None:
        orphan: Question = ("INSERT INTO child VALUES (7)", {})

        with pytest.raises(psycopg.errors.ForeignKeyViolation) as error:
            asked(own, ("INSERT INTO parent VALUES (1)", {}), orphan)

        assert error.value.diag.constraint_name == "child_parent_id_fkey"
        assert asked(own, ("SELECT * FROM parent", {})) == [[]]

    def test_begin_the_transaction_of_a_connection_that_does_not_commit(
        self, own: psycopg.Connection[Any]
    ) -> None:
        own.autocommit = False
        assert asked(own, ("INSERT INTO parent VALUES (1) RETURNING id", {})) == [[(1,)]]
        assert own.info.transaction_status == TransactionStatus.INTRANS

        own.rollback()

        assert asked(own, ("SELECT * FROM parent", {})) == [[]]

    def test_a_value_that_is_no_text_changes_nothing(self, own: psycopg.Connection[Any]) -> None:
        with pytest.raises(psycopg.DataError):
            asked(own, ONE, ("SELECT %(value)s", {"value": "a\x00b"}))

        assert asked(own, ONE) == [[(1,)]]

    def test_a_lost_connection_is_said_and_not_waited_for(
        self, own: psycopg.Connection[Any]
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [own.info.backend_pid])

        with pytest.raises(psycopg.OperationalError):
            asked(own, ONE, ONE)

        assert own.closed

    def test_a_cut_exchange_ends_the_connection(
        self, own: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(_: object) -> None:
            raise SystemExit

        monkeypatch.setattr(own, "wait", interrupted)
        with pytest.raises(SystemExit):
            asked(own, ONE)

        assert own.pgconn.status == ConnStatus.BAD


class TestPreparing:
    def test_is_done_once_also_within_one_batch(self, own: psycopg.Connection[Any]) -> None:
        for _ in range(2):
            assert asked(own, ONE, ONE) == [[(1,)], [(1,)]]

        assert prepared(own).count("SELECT 1") == 1

    def test_survives_a_refusal_before_and_behind_it(self, own: psycopg.Connection[Any]) -> None:
        wrong: Question = ("SELECT 1 / %(by)s", {"by": 0})
        for _ in range(2):
            with pytest.raises(psycopg.errors.DivisionByZero):
                asked(own, ONE, wrong, ("SELECT 2", {}))

        assert asked(own, ONE, ("SELECT 2", {})) == [[(1,)], [(2,)]]
        assert prepared(own).count("SELECT 1") == prepared(own).count("SELECT 2") == 1

    def test_of_what_is_no_sql_is_tried_again(self, own: psycopg.Connection[Any]) -> None:
        for _ in range(2):
            with pytest.raises(psycopg.errors.SyntaxError):
                asked(own, ("SELEC 1", {}))

    def test_keeps_a_plan_for_each_kind_of_value(self, own: psycopg.Connection[Any]) -> None:
        sql = "SELECT pg_typeof(%(value)s)::text"

        kinds = [asked(own, (sql, {"value": value})) for value in (1, True, 1)]

        assert kinds == [[[("bigint",)]], [[("boolean",)]], [[("bigint",)]]]

    def test_keeps_one_plan_for_all_sizes_of_a_number(self, own: psycopg.Connection[Any]) -> None:
        sql = "SELECT %(value)s::numeric"
        sizes = [1, -1, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63)]

        for size in sizes:
            assert asked(own, (sql, {"value": size})) == [[(size,)]]

        assert prepared(own) == ["SELECT $1::numeric"]
        assert asked(own, (sql, {"value": 2**64})) == [[(2**64,)]]
        assert own.execute("SELECT pg_typeof(%s)::text", [1]).fetchone() == ("smallint",)  # psycopg

    def test_is_done_anew_when_a_column_has_changed(self, own: psycopg.Connection[Any]) -> None:
        own.execute("INSERT INTO parent VALUES (1)")
        parents: Question = ("SELECT id FROM parent", {})
        assert asked(own, ONE, parents) == [[(1,)], [(1,)]]

        own.execute("ALTER TABLE parent ALTER id TYPE text, DROP CONSTRAINT parent_pkey CASCADE")

        assert asked(own, ONE, parents) == [[(1,)], [("1",)]]

    def test_is_done_anew_after_they_were_deallocated(self, own: psycopg.Connection[Any]) -> None:
        asked(own, ONE)
        own.execute("DEALLOCATE ALL")

        assert asked(own, ONE, ONE) == [[(1,)], [(1,)]]

    def test_that_is_out_of_date_ends_an_open_transaction(
        self, own: psycopg.Connection[Any]
    ) -> None:
        asked(own, ONE)
        own.execute("DEALLOCATE ALL")

        with pytest.raises(psycopg.OperationalError, match="out of date"), own.transaction():
            asked(own, ONE)

        assert asked(own, ONE) == [[(1,)]]

    def test_does_not_hide_what_postgresql_cannot_do(self, own: psycopg.Connection[Any]) -> None:
        asked(own, ONE)

        for _ in range(2):
            with pytest.raises(psycopg.errors.FeatureNotSupported):
                asked(own, ("SELECT count(*) FROM parent FOR UPDATE", {}))

    @pytest.mark.parametrize("first", [[1], [Int2(1)], [Int8(1)], [], [None], 1, Int2(1), 2**40])
    def test_does_not_depend_on_what_the_connection_sent_before(
        self, own: psycopg.Connection[Any], first: Any
    ) -> None:
        typed: Question = ("SELECT %(value)s", {"value": first})
        asked(own, typed)

        for large in (2**53 - 2, Int8(2**53 - 2)):
            for value in (large, [large]):
                kind = "SELECT pg_typeof(%(value)s)::text, %(value)s"
                named = "bigint[]" if isinstance(value, list) else "bigint"
                assert asked(own, (kind, {"value": value})) == [[(named, value)]]

    def test_ends_where_there_are_many(
        self, own: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "MOST_PREPARED", 2)
        numbers = [asked(own, (f"SELECT {number}", {})) for number in range(4)]

        assert numbers == [[[(number,)]] for number in range(4)]
        assert len(prepared(own)) == 2

    def test_is_left_out_if_the_pooler_cannot_keep_it(self, own: psycopg.Connection[Any]) -> None:
        assert asked(own, ONE, ONE, prepare=False) == [[(1,)], [(1,)]]
        assert prepared(own) == []
