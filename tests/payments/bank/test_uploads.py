"""Bank statements of any length up to 10 MB go through the back office in pieces."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from payments.bank import reading, services, uploads
from payments.models import BankEntry, BankFile, BankUpload, BankUploadPiece
from paytrust.staff import roles
from tests.payments.bank.statements import camt, entry, statement
from tests.payments.changes.test_back_office import client_of
from tests.payments.settlement.test_services import NOW
from tests.staff import member

pytestmark = pytest.mark.django_db

BEGIN = "/admin/payments/bankupload/begin/"
LATER = NOW + timedelta(days=1)


def long_file(size_bytes: int = 300_000) -> bytes:
    """Return a statement that is longer than the server takes in one body."""
    one = entry("1.00", side="DBIT", text="a fee of the bank")
    return camt(statement(*[one] * (size_bytes // len(one))))


def send(client: Client, content: bytes) -> str:
    """Send a file as the page's script does; return the page that it leads to."""
    asked = {"name": "bank.xml", "size": len(content)}
    opened = client.post(BEGIN, json.dumps(asked), content_type="application/json")
    assert opened.status_code == 201, opened.text
    length = opened.json()["piece_bytes"]
    for at in range(0, len(content), length):
        answer = client.post(
            f"{opened.json()['pieces']}{at // length}/",
            content[at : at + length],
            content_type="application/octet-stream",
        )
        assert answer.status_code == 200, answer.text
    return str(opened.json()["next"])


def begin(content: bytes) -> BankUpload:
    return uploads.begin(file_name="bank.xml", size_bytes=len(content), user=None, now=NOW)


def whole(content: bytes) -> BankUpload:
    made = begin(content)
    for number in range(-(-len(content) // uploads.PIECE_BYTES)):
        piece = content[number * uploads.PIECE_BYTES :][: uploads.PIECE_BYTES]
        made = uploads.add_piece(upload_id=made.pk, number=number, content=piece, now=NOW)
    return made


class TestThePages:
    def test_import_a_file_that_is_longer_than_a_body(self) -> None:
        client, content = client_of(), long_file()
        page = send(client, content)
        assert "data-reload" in client.get(page).text

        [upload_id] = uploads.claim_due(now=LATER)
        assert uploads.claim_due(now=LATER) == []
        uploads.run(upload_id=upload_id, now=NOW)

        file = BankFile.objects.get()
        shown = client.get(page).text
        assert f"/admin/payments/bankfile/{file.pk}/change/" in shown
        assert "data-reload" not in shown
        assert file.imported_by is not None
        assert BankEntry.objects.count() == content.count(b"<Ntry>")
        assert not BankUploadPiece.objects.exists()

    def test_say_why_a_file_is_refused(self) -> None:
        client = client_of()
        page = send(client, b"no XML")

        uploads.run(upload_id=BankUpload.objects.get().pk, now=NOW)

        assert "not well-formed" in client.get(page).text
        assert not BankFile.objects.exists()

    @pytest.mark.parametrize("asked", [{}, {"name": "a"}, {"name": "a", "size": "x"}, [], 1])
    def test_refuse_what_is_no_upload(self, asked: object) -> None:
        answer = client_of().post(BEGIN, json.dumps(asked), content_type="application/json")

        assert (answer.status_code, answer.json()) == (400, {"message": "Fill in each field."})

    @pytest.mark.parametrize("size", [0, reading.LARGEST_FILE + 1])
    def test_refuse_a_file_that_is_too_large(self, size: int) -> None:
        asked = json.dumps({"name": "bank.xml", "size": size})

        answer = client_of().post(BEGIN, asked, content_type="application/json")

        assert answer.status_code == 400
        assert answer.json() == {"message": "The file is larger than 10 MB, or empty."}

    @pytest.mark.parametrize("role", [roles.VIEWER, roles.ADMINISTRATOR])
    def test_are_for_operators(self, role: str) -> None:
        client, made = client_of(member(role)), begin(b"x")

        for address in (BEGIN, f"/admin/payments/bankupload/{made.pk}/pieces/0/"):
            answer = client.post(address, b"{}", content_type="application/json")
            assert answer.status_code == 403, address
        assert client.get(f"/admin/payments/bankupload/{made.pk}/change/").status_code == 200


class TestPieces:
    def test_may_come_again_and_in_any_order(self) -> None:
        content = long_file()
        made = begin(content)
        length = uploads.PIECE_BYTES

        for number in (2, 0, 0, 1):
            assert made.status == "uploading"
            piece = content[number * length :][:length]
            made = uploads.add_piece(upload_id=made.pk, number=number, content=piece, now=NOW)

        assert made.status == "waiting"
        with pytest.raises(uploads.BankUploadEnded):
            uploads.add_piece(upload_id=made.pk, number=0, content=content[:length], now=NOW)

    @pytest.mark.parametrize(("number", "content"), [(0, b""), (0, b"ab"), (1, b"a"), (9, b"abc")])
    def test_that_do_not_belong_to_the_file_are_refused(self, number: int, content: bytes) -> None:
        made = begin(b"abc")

        with pytest.raises(uploads.BankPieceWrong):
            uploads.add_piece(upload_id=made.pk, number=number, content=content, now=NOW)

        assert not BankUploadPiece.objects.exists()

    def test_are_dropped_after_a_day(self) -> None:
        content = long_file()
        made = begin(content)
        piece = content[: uploads.PIECE_BYTES]
        uploads.add_piece(upload_id=made.pk, number=0, content=piece, now=NOW)
        assert uploads.claim_due(now=LATER - timedelta(seconds=1)) == []

        assert uploads.claim_due(now=LATER) == []

        made.refresh_from_db()
        assert (made.status, made.problem) == (
            "failed",
            "The upload was not continued for a day.",
        )
        assert not BankUploadPiece.objects.exists()


class TestRun:
    def test_is_not_dropped_as_abandoned_once_all_of_it_is_here(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = long_file(1000)
        made = uploads.begin(file_name="bank.xml", size_bytes=len(content), user=None, now=NOW)

        def end_late(upload_id: int, reason: str, **more: Any) -> None:
            """The last piece comes between the look for abandoned uploads and their end."""
            uploads.add_piece(upload_id=upload_id, number=0, content=content, now=NOW)
            end(upload_id, reason, **more)

        end = uploads._end
        monkeypatch.setattr(uploads, "_end", end_late)
        claimed = uploads.claim_due(now=LATER)

        made.refresh_from_db()
        assert (made.status, claimed) == ("waiting", [made.pk])
        assert BankUploadPiece.objects.count() == 1

    def test_changes_nothing_the_second_time(self) -> None:
        made = whole(camt(statement(entry())))

        for _ in range(2):
            uploads.run(upload_id=made.pk, now=NOW)

        made.refresh_from_db()
        assert (made.status, made.file, made.tries) == ("done", BankFile.objects.get(), 1)

    def test_goes_on_after_a_kill_and_gives_up_in_the_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        def killed(**_: object) -> None:
            raise Killed

        made = whole(camt(statement(entry())))
        monkeypatch.setattr(services, "import_file", killed)
        for number in range(1, uploads.MOST_TRIES + 1):
            with pytest.raises(Killed):
                uploads.run(upload_id=made.pk, now=NOW)
            made.refresh_from_db()
            assert (made.status, made.tries) == ("waiting", number)

        uploads.run(upload_id=made.pk, now=NOW)

        made.refresh_from_db()
        assert (made.status, made.problem) == (
            "failed",
            "The import was broken off several times.",
        )

    def test_refuses_a_file_that_is_here_already(self) -> None:
        content = camt(statement(entry()))
        services.import_file(content=content, file_name="bank.xml", user=None, now=NOW)
        made = whole(content)

        uploads.run(upload_id=made.pk, now=NOW)

        made.refresh_from_db()
        assert (made.status, BankFile.objects.count()) == ("failed", 1)
        assert "was imported before" in made.problem
        assert connection.needs_rollback is False
