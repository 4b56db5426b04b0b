import gzip
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
import structlog
from pytest_django import Settings

from paytrust.operations import error_reports
from paytrust.operations import logging as our_logging
from tests.events.receivers import Shop, shop

KEY = "a1" * 32
log = structlog.get_logger("paytrust.tests")


@pytest.fixture
def service(settings: Settings) -> Iterator[Shop]:
    with shop() as service:
        settings.SENTRY_DSN = f"{service.url.removesuffix('/hook').replace('//', '//public@')}/7"
        error_reports.start()
        yield service
        sentry_sdk.init(default_integrations=False)  # they would patch what sends our requests


def fail(**fields: object) -> None:
    said = f"a local variable, {KEY}"
    try:
        bytes.fromhex(said)
    except ValueError:
        log.exception("booking failed", **fields, key_said=KEY)


def reports(service: Shop) -> list[Any]:
    sentry_sdk.flush(10)
    found = []
    for body in service.bodies():
        lines = (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).splitlines()
        found += [json.loads(line) for line in lines if b'"logentry"' in line]
    return found


class TestAnErrorReport:
    def test_has_the_fields_and_the_traceback_of_its_line(self, service: Shop) -> None:
        fail(invoice_id=17, api_key="anything", deep={"token": "t"})

        (report,) = reports(service)
        assert report["logentry"]["message"] == "booking failed"
        assert report["extra"]["invoice_id"] == 17
        assert report["exception"]["values"][0]["type"] == "ValueError"
        assert report["environment"] == "development"

    def test_has_no_secret_no_local_variable_and_no_request(self, service: Shop) -> None:
        fail(api_key="anything", deep={"token": "hidden"})

        text = json.dumps(reports(service))
        for kept in (
            KEY,
            "anything",
            "hidden",
            "a local variable, [",
            '"vars"',
            '"request"',
            '"user"',
        ):
            assert kept not in text
        assert our_logging.MASK in text

    def test_is_made_of_errors_of_libraries_and_of_nothing_less(self, service: Shop) -> None:
        logging.getLogger("a.library").error("it broke at %s", KEY)
        log.warning("only a warning")

        (report,) = reports(service)
        assert report["logger"] == "a.library"
        assert KEY not in json.dumps(report)


def test_without_an_address_nothing_is_started(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr(sentry_sdk, "init", lambda **options: started.append(options))
    settings.SENTRY_DSN = ""

    error_reports.start()

    assert started == []
