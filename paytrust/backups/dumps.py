"""A whole database as one sealed file, and back: for databases of some gigabytes.

For larger ones, and to go back to any second, PostgreSQL's log is archived: docs/deployment.md.
"""

import hashlib
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from django.db import connection

from paytrust.backups import sealed_files

log = structlog.get_logger(__name__)

GROUPS: Final = (
    "paytrust_application",
    "paytrust_merchant",
    "paytrust_staff",
)  # that rights and policies name


class BackupFailed(Exception):
    """A backup was not made or not restored; the message says why."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made."""

    path: str
    bytes: int
    sha256: str
    seconds: float


def make(*, to: Path, recipient: X25519PublicKey, programs: Path | None) -> Backup:
    """Dump the database of the owner's login into a file that only the private key opens.

    The dump is one snapshot, whatever is written meanwhile. `to` gets its name when it is whole;
    beside it stands `to`.sha256, as sha256sum writes it.

    Raises:
        BackupFailed: the file is there already, or pg_dump failed.
    """
    if to.exists():
        raise BackupFailed(f"{to} is there already.")
    began, digest = time.monotonic(), hashlib.sha256()
    unfinished = to.with_name(f"{to.name}.part")
    arguments, secrets = _connection_of(connection.settings_dict)
    # Logins, owners and their passwords are not part of it.
    command = [_program("pg_dump", programs), "--format=custom", "--no-owner", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | secrets
    ) as dump:
        assert dump.stdout is not None
        assert dump.stderr is not None
        with os.fdopen(
            os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        ) as file:
            for piece in sealed_files.sealed(dump.stdout, recipient):
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        said = dump.stderr.read().decode(errors="replace")
    if dump.returncode:
        unfinished.unlink()
        raise BackupFailed(f"pg_dump failed: {said.strip()[-500:]}")
    unfinished.rename(to)
    to.with_name(f"{to.name}.sha256").write_text(f"{digest.hexdigest()}  {to.name}\n")
    made = Backup(str(to), to.stat().st_size, digest.hexdigest(), time.monotonic() - began)
    log.info("backup made", file=to.name, bytes=made.bytes, seconds=round(made.seconds, 1))
    return made


def verify(path: Path) -> None:
    """Compare a backup with the checksum beside it.

    Raises:
        BackupFailed: they differ, or one of the files is missing.
    """
    beside = path.with_name(f"{path.name}.sha256")
    try:
        expected = beside.read_text().split()[0]
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, IndexError) as error:
        raise BackupFailed(f"The backup or its checksum cannot be read: {error}") from error
    if found != expected:
        raise BackupFailed(f"{path} is not what was written: its checksum differs.")


def restore(
    *, source: Path, key: X25519PrivateKey, into: Mapping[str, Any], programs: Path | None
) -> float:
    """Fill an empty database from a backup, wholly or not at all; return the seconds it took.

    Args:
        source: the backup.
        key: that opens it.
        into: the database as Django's settings name it (NAME, USER, PASSWORD, HOST, PORT), with a
            login that may make tables and roles.
        programs: the folder of pg_restore; none: from the PATH.

    Raises:
        BackupFailed: see `verify`; or the database is not empty, or pg_restore refused the dump.
    """
    verify(source)
    began = time.monotonic()
    _prepare(into)
    arguments, secrets = _connection_of(into)
    command = [
        *(_program("pg_restore", programs), "--no-owner", "--single-transaction"),
        *("--exit-on-error", *arguments),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | secrets,
    ) as filling:
        assert filling.stdin is not None
        assert filling.stderr is not None
        try:
            with source.open("rb") as file:
                for piece in sealed_files.opened(file, key):
                    filling.stdin.write(piece)
            filling.stdin.close()
        except BrokenPipeError:
            pass  # pg_restore has ended, and says why
        except sealed_files.NotReadable as error:
            filling.kill()  # its one transaction is rolled back
            raise BackupFailed(str(error)) from error
        said = filling.stderr.read().decode(errors="replace")
    if filling.returncode:
        raise BackupFailed(f"pg_restore failed: {said.strip()[-500:]}")
    return time.monotonic() - began


def _prepare(into: Mapping[str, Any]) -> None:
    """Refuse a database that has tables; make the groups that the dump's rights and policies name.

    Raises:
        BackupFailed: it has tables, or cannot be reached.
    """
    try:
        with psycopg.connect(**_parameters(into), autocommit=True) as own:
            used = own.execute(
                "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')"
            ).fetchone()
            if used == (True,):
                raise BackupFailed("The database has tables. Restore into an empty one.")
            for group in GROUPS:
                found = own.execute("SELECT FROM pg_roles WHERE rolname = %s", [group]).fetchone()
                if found is None:
                    own.execute(f"CREATE ROLE {group} NOLOGIN")
    except psycopg.Error as error:
        raise BackupFailed(f"The database cannot be used: {error}") from error


def _parameters(database: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "host": database["HOST"],
        "port": database["PORT"] or 5432,
        "user": database["USER"],
        "password": database["PASSWORD"],
        "dbname": database["NAME"],
    }


def _connection_of(database: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return a program's arguments and, because arguments are public, its environment."""
    known = _parameters(database)
    arguments = [f"--{name}={known[column]}" for name, column in _ARGUMENTS.items()]
    return [*arguments, "--no-password"], {"PGPASSWORD": str(known["password"])}


_ARGUMENTS: Final = {"host": "host", "port": "port", "username": "user", "dbname": "dbname"}


def _program(name: str, folder: Path | None) -> str:
    return str(folder / name) if folder else name
