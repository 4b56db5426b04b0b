"""The web server of a deployment: gunicorn with our worker, as a separate process."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests
from django.db import connection

from paytrust.localstack.ports import free_port
from tests.conftest import ROOT

GUNICORN = ("-m", "gunicorn", "--config", "python:paytrust.web.gunicorn", "paytrust.wsgi")


@contextmanager
def serving(*, database: str, **environment: str) -> Iterator[int]:
    port = free_port()
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()
    process = subprocess.Popen(
        [sys.executable, *GUNICORN, "--bind", f"127.0.0.1:{port}"],
        cwd=ROOT,
        env=os.environ
        | {"DATABASE_URL": url, "WEB_CONCURRENCY": "1", "WEB_THREADS": "4"}
        | environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2)
                break
            except requests.RequestException:
                assert time.monotonic() < deadline, "gunicorn did not start"
                assert process.poll() is None, "gunicorn ended at once"
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def web_port(django_db_setup: None, sandbox_process: str) -> Iterator[int]:
    """The port of a gunicorn that works with the tests' database and sandbox."""
    with serving(
        database=str(connection.settings_dict["NAME"]),
        XENDIT_BASE_URL=f"{sandbox_process}/xendit",
        MIDTRANS_CORE_BASE_URL=f"{sandbox_process}/midtrans",
        MIDTRANS_SNAP_BASE_URL=f"{sandbox_process}/midtrans/snap/v1",
    ) as port:
        yield port
