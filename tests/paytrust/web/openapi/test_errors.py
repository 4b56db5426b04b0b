import importlib
import json
import os
import subprocess
import sys
from typing import Any

from paytrust.web.openapi.errors import codes_of, document_errors
from tests.conftest import ROOT


def documented(method: str, path: str, **operation: Any) -> set[str]:
    """Return the statuses that the document names for an operation."""
    operation = {"responses": {"200": {"description": ""}}, **operation}
    result = document_errors({"paths": {path: {method: operation}}})
    answers: dict[str, Any] = result["paths"][path][method]["responses"]
    return set(answers) - {"200"}


class TestDocumentErrors:
    def test_names_what_any_call_may_meet(self) -> None:
        assert documented("get", "/things") == {"400", "503"}

    def test_names_what_keys_and_ids_may_meet(self) -> None:
        assert documented("get", "/things/{id}", security=[{"ApiKey": []}]) == {
            *("400", "401", "403", "404", "429", "503")
        }

    def test_names_what_a_body_and_a_gateway_may_meet(self) -> None:
        assert documented("post", "/things", security=[{"ApiKey": []}], requestBody={}) == {
            *("400", "401", "403", "409", "413", "415", "422", "429", "502", "503", "504")
        }

    def test_names_no_gateway_for_operators(self) -> None:
        assert documented("delete", "/things/{id}", security=[{"AdminKey": []}]) == {
            *("400", "401", "404", "409", "429", "503")
        }

    def test_names_what_a_document_that_cannot_be_made_meets(self) -> None:
        xml: dict[str, Any] = {"200": {"content": {"application/xml": {}}}}

        assert documented("get", "/things", responses=xml) == {"400", "422", "503"}

    def test_leaves_what_a_view_says_itself(self) -> None:
        own = {"400": {"description": "mine"}}

        result = document_errors({"paths": {"/x": {"get": {"responses": dict(own)}}}})

        assert result["paths"]["/x"]["get"]["responses"]["400"] == own["400"]


class TestCodesOf:
    def test_are_those_of_the_status_and_no_others(self) -> None:
        assert "invalid_request" in codes_of(400)
        assert "idempotency_key_reused" in codes_of(422)
        assert "idempotency_key_reused" not in codes_of(400)

    def test_know_nothing_of_the_back_office(self) -> None:
        assert "forbidden" not in {code for status in (400, 404, 409) for code in codes_of(status)}


CODES = """
import django, json
django.setup()
from paytrust.web.openapi.errors import codes_of
print(json.dumps(codes_of(409)))
"""


def test_lists_the_same_codes_whatever_a_process_has_imported() -> None:
    importlib.import_module("payments.customers.erasing")  # as only a command does
    new = subprocess.run(
        [sys.executable, "-c", CODES],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "paytrust.settings"},
        capture_output=True,
        check=True,
        text=True,
    )

    assert json.loads(new.stdout.splitlines()[-1]) == codes_of(409)
    assert "notifications_wait" not in codes_of(409)
    assert {"payment_in_progress", "refund_in_progress"} <= set(codes_of(409))
