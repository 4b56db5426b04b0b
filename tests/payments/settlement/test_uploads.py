"""Files come in pieces, a worker imports them, and each failure says why."""

import hashlib
from datetime import timedelta

import pytest
from django.db import connection

from gateways.models import Gateway
from payments.models import SettlementFilePiece, SettlementImport, SettlementLine
from payments.settlement import files, uploads
from payments.settlement.uploads import (
    SettlementFileTooLarge,
    SettlementPieceWrong,
    SettlementUploadEnded,
)
from tests.payments.settlement.test_services import NOW, csv, paid, take

pytestmark = pytest.mark.django_db


def announced(size_bytes: int, *, starts_at_once: bool = True) -> uploads.Announced:
    return uploads.Announced(
        gateway=Gateway.objects.get(code="xendit"),
        account=None,
        file_name="statement.csv",
        size_bytes=size_bytes,
        currency="MYR",
        starts_at_once=starts_at_once,
    )


def uploaded(content: bytes, *, starts_at_once: bool = True) -> SettlementImport:
    about = announced(len(content), starts_at_once=starts_at_once)
    made = uploads.begin(upload=about, now=NOW)
    for number in range(0, len(content), files.PIECE_BYTES):
        made = uploads.add_piece(
            import_id=made.pk,
            number=number // files.PIECE_BYTES,
            content=content[number : number + files.PIECE_BYTES],
            now=NOW,
        )
    return made


def code_of(made: SettlementImport) -> object:
    return (made.problem or {}).get("code")


class TestAddPiece:
    def test_ends_with_the_last_byte_in_any_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "PIECE_BYTES", 4)
        made = uploads.begin(upload=announced(10), now=NOW)

        statuses = [
            uploads.add_piece(import_id=made.pk, number=number, content=content, now=NOW).status
            for number, content in ((2, b"89"), (0, b"0123"), (0, b"0123"), (1, b"4567"))
        ]

        assert statuses == ["uploading", "uploading", "uploading", "waiting"]
        made.refresh_from_db()
        with files.opened(made) as file:
            assert (file.read(3), file.seek(5), file.read(), file.read()) == (
                b"012",
                5,
                b"56789",
                b"",
            )

    def test_makes_the_digest_outside_a_transaction(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nested: list[list[str]] = []
        sha256_of = files.sha256_of

        def watched(made: SettlementImport) -> str:
            nested.append(list(connection.savepoint_ids))  # but the test's own
            return sha256_of(made)

        monkeypatch.setattr(files, "sha256_of", watched)

        made = uploaded(b"0123")

        assert nested == [[]]
        assert made.sha256 == hashlib.sha256(b"0123").hexdigest()

    def test_ends_by_a_piece_that_is_sent_again_and_changes_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = uploads.begin(upload=announced(4), now=NOW)

        def broken_off(_: SettlementImport) -> str:
            raise TimeoutError

        with monkeypatch.context() as patch:
            patch.setattr(files, "sha256_of", broken_off)
            with pytest.raises(TimeoutError):
                uploads.add_piece(import_id=made.pk, number=0, content=b"0123", now=NOW)

        ended = uploads.add_piece(import_id=made.pk, number=0, content=b"xxxx", now=NOW)

        assert (ended.status, ended.sha256) == ("waiting", hashlib.sha256(b"0123").hexdigest())

    @pytest.mark.parametrize(
        ("number", "content"), [(0, b"012"), (0, b""), (3, b"x"), (2, b"890"), (99, b"")]
    )
    def test_refuses_what_is_no_piece(
        self, number: int, content: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "PIECE_BYTES", 4)
        made = uploads.begin(upload=announced(10), now=NOW)

        with pytest.raises(SettlementPieceWrong) as refusal:
            uploads.add_piece(import_id=made.pk, number=number, content=content, now=NOW)

        assert refusal.value.details["bytes"] == files.length_of(made, number)
        assert not SettlementFilePiece.objects.exists()

    def test_fails_what_was_imported_before(self) -> None:
        content = csv(paid())
        take(content)

        made = uploaded(content)

        assert (made.status, code_of(made)) == ("failed", "settlement_already_imported")
        assert not SettlementFilePiece.objects.exists()
        with pytest.raises(SettlementUploadEnded):
            uploads.add_piece(import_id=made.pk, number=0, content=content, now=NOW)

    @pytest.mark.parametrize("size", [0, -1, files.LARGEST_FILE + 1])
    def test_refuses_sizes(self, size: int) -> None:
        with pytest.raises(SettlementFileTooLarge):
            uploads.begin(upload=announced(size), now=NOW)


class TestRun:
    def test_imports_and_drops_the_file(self) -> None:
        payment = paid()
        made = uploaded(csv(payment))
        assert uploads.claim_due(now=NOW) == [made.pk]
        assert uploads.claim_due(now=NOW) == []

        uploads.run(import_id=made.pk, now=NOW)
        uploads.run(import_id=made.pk, now=NOW)

        made.refresh_from_db()
        assert (made.status, made.line_count, made.new_count, made.due_at) == ("done", 1, 1, None)
        assert SettlementLine.objects.get().transaction == payment
        assert not SettlementFilePiece.objects.exists()

    def test_waits_for_a_person_who_looks_at_the_preview(self) -> None:
        made = uploaded(csv(paid()), starts_at_once=False)
        uploads.run(import_id=made.pk, now=NOW)
        assert (made.status, SettlementLine.objects.count()) == ("uploaded", 0)

        uploads.start(import_id=made.pk, now=NOW)
        uploads.run(import_id=made.pk, now=NOW)

        assert SettlementLine.objects.count() == 1
        with pytest.raises(SettlementUploadEnded):
            uploads.start(import_id=made.pk, now=NOW)

    @pytest.mark.parametrize(
        ("content", "code", "said"),
        [
            (b"Order ID,Fee\n1,2\n", "settlement_columns_missing", "gross"),
            (b"\x00", "settlement_file_unreadable", "neither"),
        ],
    )
    def test_keeps_why_it_failed(self, content: bytes, code: str, said: str) -> None:
        made = uploaded(content)

        uploads.run(import_id=made.pk, now=NOW)

        made.refresh_from_db()
        assert (made.status, code_of(made)) == ("failed", code)
        assert said in str(made.problem)
        assert not SettlementLine.objects.exists()
        assert not SettlementFilePiece.objects.exists()
        assert uploaded(content).status == "waiting"  # it may be sent again

    def test_ends_an_import_that_was_broken_off_too_often(self) -> None:
        made = uploaded(csv(paid()))
        SettlementImport.objects.filter(pk=made.pk).update(status="running", tries=3)

        uploads.run(import_id=made.pk, now=NOW)

        made.refresh_from_db()
        assert (made.status, code_of(made)) == ("failed", "internal_error")

    def test_ends_an_upload_that_was_abandoned(self) -> None:
        made = uploads.begin(upload=announced(10), now=NOW)

        assert uploads.claim_due(now=NOW + timedelta(hours=23)) == []
        made.refresh_from_db()
        assert made.status == "uploading"
        assert uploads.claim_due(now=NOW + timedelta(hours=25)) == []
        made.refresh_from_db()
        assert (made.status, code_of(made)) == ("failed", "settlement_upload_abandoned")
