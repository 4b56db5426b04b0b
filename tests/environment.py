"""Pytest plugin, loaded by `-p` before Django's settings: their values, and the servers.

PostgreSQL and Valkey are embedded ones unless DATABASE_URL and REDIS_URL name others. Each test
process has its own: an event is shown once every transaction of its server that began before it
has ended, and a test in another process may hold one for seconds.
"""

import gc
import os
from collections.abc import Generator
from contextlib import ExitStack

import coverage
import pytest

from paytrust.localstack import embedded

SETTINGS = {
    "SECRET_KEY": "test-secret-key-of-more-than-thirty-two-characters",
    "ADMIN_API_KEY": "test-admin-key-of-more-than-thirty-two-characters",
    "API_KEY_PEPPER": "test-pepper-of-more-than-thirty-two-characters",
    "CREDENTIAL_KEYS": "test-credential-key-of-more-than-thirty-two-characters",
    "ENVIRONMENT": "development",
    "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
    # All tests come from one address, and some send much; those of the limiter set it themselves.
    "RATE_LIMIT_REQUESTS": "1000000",
    "FAILED_AUTHENTICATION_LIMIT": "1000000",
    "SIGN_IN_LIMIT": "1000000",
    # Nothing listens on port 9: a test without the sandbox reaches no gateway.
    "XENDIT_BASE_URL": "http://127.0.0.1:9/xendit",
    "XENDIT_SECRET_KEY": "xnd_development_TESTKEY",
    "XENDIT_CALLBACK_TOKEN": "TESTCALLBACKTOKEN0123456789abcdef",
    "MIDTRANS_CORE_BASE_URL": "http://127.0.0.1:9/midtrans",
    "MIDTRANS_SNAP_BASE_URL": "http://127.0.0.1:9/midtrans/snap/v1",
    "MIDTRANS_SERVER_KEY": "SB-Mid-server-TESTKEY",
    "MIDTRANS_CLIENT_KEY": "SB-Mid-client-TESTKEY",
    # No figure of ours: tests make more calls than a test account may. Those of budgets set one.
    "XENDIT_CALLS_PER_MINUTE": "0",
    "MIDTRANS_CALLS_PER_MINUTE": "0",
}
# The names of the addresses that the environment lacks: each test process starts these servers.
OURS = "PAYTRUST_TESTS_START"
servers = ExitStack()


# Tests of minutes, which start first, so that the test processes end together.
LONG = (
    "tests/test_migrations.py",
    "tests/browser",
    "tests/test_schema_fuzzing.py",
    "tests/paytrust/localstack",
    "tests/upgrades",
    "tests/hostile/test_fuzz.py",
)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # a wrapper runs before pytest-django's own
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    gc.disable()  # imports and collection make 800 000 objects that stay, and nothing to collect
    measure_coverage()
    os.environ.update(SETTINGS)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    ours = start_servers()
    if worker and "REDIS_URL" not in ours:
        os.environ["REDIS_URL"] = redis_url_of(worker, os.environ["REDIS_URL"])
    return (yield)


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish() -> None:
    gc.freeze()  # what is there stays: no later collection walks through it
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage in tests that reach the same lines hundreds of times."""
    measuring = coverage.Coverage.current()
    if measuring is None or item.get_closest_marker("unmeasured") is None:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


def pytest_unconfigure() -> None:
    servers.close()
    measuring = coverage.Coverage.current()
    if measuring:
        measuring.stop()
        measuring.save()


def measure_coverage() -> None:
    """Measure in each process that runs tests, if COVERAGE is set (`make test COVERAGE=1`).

    pytest-cov would do it, but pip cannot install its extra by hashes. What coverage puts into
    every process by itself would also measure the servers and stacks that tests start.
    """
    if os.environ.get("COVERAGE"):
        coverage.Coverage(data_suffix=True).start()


def redis_url_of(worker: str, url: str) -> str:
    """Give each test process (gw0, gw1 ...) a database number of its own in a given Valkey."""
    base, _, _ = url.rpartition("/")
    return f"{base}/{int(worker.removeprefix('gw')) + 1}"


def start_servers() -> set[str]:
    """Start the servers that the environment does not name; return the names of their addresses."""
    names = os.environ.get(OURS, "").split() or [
        name for name in ("DATABASE_URL", "REDIS_URL") if name not in os.environ
    ]
    if names:
        try:
            running = servers.enter_context(embedded.temporary())
        except embedded.ServerFailed as failure:
            raise pytest.UsageError(str(failure)) from None
        urls = {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis_url}
        os.environ.update({OURS: " ".join(names), **{name: urls[name] for name in names}})
    return set(names)
