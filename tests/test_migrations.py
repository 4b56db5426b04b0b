"""Each app's migrations go to zero and back, also with data.

Django's own command makes the database first, as in a deployment. The command of a developer's
machine makes it again, and must make the same.
"""

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

from tests.upgrades import schema_of

ROOT = Path(__file__).resolve().parent.parent
APPS = ("reporting", "payments", "invoices", "gateways", "events", "apikeys")
MAKE_DATABASE_AND_DATA = """
import django
django.setup()
from django.core.management import call_command
from django.core.management.commands.migrate import Command
call_command(Command(), interactive=False, verbosity=0)
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
TO_ZERO = """
import django, sys
django.setup()
from django.core.management import call_command
for app in sys.argv[1:]:
    call_command("migrate", app, "zero", interactive=False, verbosity=0)
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
        | {
            "DATABASE_URL": database_url,
            "DATABASE_AS_OWNER": "true",
            "DJANGO_SETTINGS_MODULE": "paytrust.settings",
        },
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


def test_each_app_goes_to_zero_and_back_with_data_in_it(scratch: str) -> None:
    installed = [app for app in APPS if app in settings.INSTALLED_APPS]
    run(scratch, "-c", MAKE_DATABASE_AND_DATA)
    before = schema_of(scratch)

    run(scratch, "-c", TO_ZERO, *installed)
    left = {name for name in tables(scratch) if name.split("_")[0] in installed}
    run(scratch, "manage.py", "migrate", "--no-input", "--verbosity", "0")

    assert left == set()
    assert schema_of(scratch) == before
    assert any(statement.startswith("CREATE TRIGGER") for statement in before)
