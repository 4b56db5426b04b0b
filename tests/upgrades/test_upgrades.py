"""A database that a release left is brought to today's form, with its data."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.conftest import ROOT
from tests.upgrades import FOLDER, PROGRAMS, SECRETS, dump, schema_of

RELEASES = sorted(FOLDER.glob("*.dump"))
SEEN = """
import django, json
django.setup()
from invoices.models import Invoice
print(json.dumps(list(Invoice.objects.order_by("pk").values_list("pk", "status", "paid_amount"))))
"""


@contextmanager
def database() -> Iterator[str]:
    server = os.environ["DATABASE_URL"]
    name = f"upgraded_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as own:
        own.execute(f"CREATE DATABASE {name}")
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
        own.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(database_url: str, *arguments: str) -> str:
    named = {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "paytrust.settings"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | SECRETS | named,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def restore(database_url: str, file: Path) -> None:
    command = [str(PROGRAMS / "pg_restore"), "--no-owner", "--dbname", database_url, str(file)]
    subprocess.run(command, check=True)


def test_there_is_a_release() -> None:
    assert RELEASES


@pytest.mark.parametrize("release", RELEASES, ids=lambda file: file.stem)
def test_a_release_becomes_what_a_new_database_is_and_keeps_its_books(
    release: Path, tmp_path: Path
) -> None:
    with database() as new, database() as new_restored, database() as upgraded:
        run(new, "manage.py", "migrate", "--no-input", "--verbosity", "0")  # makes the logins too
        restore(upgraded, release)
        with psycopg.connect(upgraded) as own:
            query = "SELECT id, status, paid_amount FROM invoices_invoice ORDER BY id"
            before = [list(row) for row in own.execute(query)]

        run(upgraded, "manage.py", "migrate", "--no-input", "--verbosity", "0")

        # PostgreSQL writes some conditions in another way once they went through a dump.
        dump(new, tmp_path / "new.dump")
        restore(new_restored, tmp_path / "new.dump")
        assert schema_of(upgraded) == schema_of(new_restored)
        assert len(before) >= 3
        assert json.loads(run(upgraded, "-c", SEEN)) == before
        run(upgraded, "manage.py", "audit_books")
        run(upgraded, "manage.py", "verify_audit")
