"""A long import is taken back by a worker, some lines at a time, and goes on after a kill."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from payments.models import SettlementImport, SettlementLine
from payments.settlement import comparing, uploads, withdrawing
from tests.payments.changes.test_back_office import client_of
from tests.payments.settlement.test_services import NOW, csv, open_mismatches, paid, states, take
from tests.payments.webhooks.test_back_office import said

pytestmark = pytest.mark.django_db


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let a piece have two lines; collect how many lines are judged each time."""
    seen: list[int] = []
    compare = comparing.compare

    def watched(*, lines: Sequence[SettlementLine] = (), **arguments: Any) -> None:
        if lines:  # else those of an import
            seen.append(len(lines))
        compare(lines=lines, **arguments)

    monkeypatch.setattr(withdrawing, "LINES_AT_ONCE", 2)
    monkeypatch.setattr(comparing, "compare", watched)
    return seen


def withdraw(made: SettlementImport) -> SettlementImport:
    return withdrawing.withdraw(import_id=made.pk, user=None, reason="wrong month", now=NOW)


def run(made: SettlementImport) -> tuple[str, int, int, bool]:
    """Let a worker take the withdrawal; return how far it is."""
    assert uploads.claim_due(now=timezone.now()) == [made.pk]
    uploads.run(import_id=made.pk, now=NOW)
    return progress(made)


def progress(made: SettlementImport) -> tuple[str, int, int, bool]:
    made.refresh_from_db()
    return (made.status, made.new_count, made.line_count, made.due_at is None)


class TestALongImport:
    def test_is_taken_back_by_a_worker(self, pieces: list[int]) -> None:
        payments = [paid() for _ in range(4)]
        made = withdraw(take(csv(*payments, payments[0])))

        assert progress(made) == ("waiting", 0, 5, False)
        assert sorted(states()) == ["duplicate"] + ["matched"] * 4

        assert run(made) == ("done", 5, 5, True)
        assert (states(), open_mismatches()) == (["withdrawn"] * 5, [])
        assert pieces == [2, 2]  # the line that is doubled was judged with the other

    def test_goes_on_after_a_kill(self, pieces: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
        class Killed(BaseException):
            pass

        def killed_at_the_second(*, lines: Sequence[SettlementLine], now: datetime) -> None:
            if len(pieces) == 1:
                raise Killed
            working(lines=lines, now=now)

        made = withdraw(take(csv(*(paid() for _ in range(5)))))
        working = comparing.compare
        monkeypatch.setattr(comparing, "compare", killed_at_the_second)
        with pytest.raises(Killed):
            run(made)
        assert progress(made) == ("running", 2, 5, False)
        assert states().count("withdrawn") == 2
        assert uploads.claim_due(now=timezone.now()) == []  # its lease is not over

        monkeypatch.setattr(comparing, "compare", working)
        for _ in range(uploads.MOST_TRIES):  # tries do not end it
            uploads.run(import_id=made.pk, now=NOW)

        assert progress(made) == ("done", 5, 5, True)
        assert (states(), pieces) == (["withdrawn"] * 5, [2, 2, 1])

    def test_can_be_imported_again_meanwhile(self, pieces: list[int]) -> None:
        content = csv(*(paid() for _ in range(3)))
        made = withdraw(take(content))

        again = take(content)

        assert again.repeat == 1
        assert run(made) == ("done", 3, 3, True)
        assert sorted(states()) == ["matched"] * 3 + ["withdrawn"] * 3
        assert set(again.lines.values_list("state", flat=True)) == {"matched"}

    def test_shows_how_far_it_is(self, pieces: list[int]) -> None:
        made = take(csv(*(paid() for _ in range(3))))
        page = f"/admin/payments/settlementimport/{made.pk}/"
        client = client_of()

        assert said(client, f"{page}withdraw/", reason="wrong month") == [
            "A worker takes the lines back now. This page shows how far it is."
        ]
        assert '<progress data-reload max="3" value="0">' in client.get(f"{page}change/").text
        run(SettlementImport.objects.get(withdraws=made))
        assert "data-reload" not in client.get(f"{page}change/").text


class TestAShortImport:
    def test_is_taken_back_at_once(self, pieces: list[int]) -> None:
        made = withdraw(take(csv(paid(), paid())))

        assert progress(made) == ("done", 2, 2, True)
        assert states() == ["withdrawn"] * 2
        assert uploads.claim_due(now=timezone.now()) == []
