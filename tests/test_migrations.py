"""Each app's migrations go to zero and back, also with data."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
APPS = ("reporting", "payments", "invoices", "gateways", "events", "apikeys")
MAKE_DATA = """
import django
django.setup()
from django.utils import timezone
from apikeys.keys import services
from apikeys.audit.recording import Caller
from gateways.models import Gateway
caller = Caller(actor="test", ip_address=None)
now = timezone.now()
services.issue_key(
    tenant_id=None, tenant_name="T", description="k", caller=caller, now=now
)
assert Gateway.objects.count() == 2
"""


@pytest.fixture
def scratch() -> Iterator[str]:
    """The address of an empty database of its own."""
    server = os.environ["DATABASE_URL"]
    name = f"scratch_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(database_url: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ
        | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "paytrust.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tables(database_url: str) -> set[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace"
        )
        return {name for (name,) in rows}


def rules(database_url: str) -> set[tuple[str, str]]:
    with psycopg.connect(database_url) as connection:
        return {
            (table, trigger)
            for table, trigger in connection.execute(
                "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
            )
        }


def test_each_app_goes_to_zero_and_back_with_data_in_it(scratch: str) -> None:
    installed = [app for app in APPS if app in settings.INSTALLED_APPS]
    run(scratch, "manage.py", "migrate", "--no-input", "--verbosity", "0")
    before = tables(scratch), rules(scratch)
    run(scratch, "-c", MAKE_DATA)

    for app in installed:
        run(scratch, "manage.py", "migrate", app, "zero", "--no-input", "--verbosity", "0")
    left = {name for name in tables(scratch) if name.split("_")[0] in installed}
    run(scratch, "manage.py", "migrate", "--no-input", "--verbosity", "0")

    assert left == set()
    assert (tables(scratch), rules(scratch)) == before
