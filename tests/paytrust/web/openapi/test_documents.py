"""Both documents, as they are served."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from paytrust.web.openapi.errors import codes_of

PATHS = {"merchants": "/openapi.json", "operators": "/openapi-admin.json"}
INTERNAL = re.compile(r"hot path|serializer|to_representation|drf|select_for_update", re.IGNORECASE)
TEXT_IDS = {"event_id", "payout_id"}


def document(path: str) -> dict[str, Any]:
    return Client().get(path).json()


@pytest.fixture(params=PATHS)
def served(request: pytest.FixtureRequest) -> dict[str, Any]:
    return document(PATHS[request.param])


def operations(served: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in served["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name in {"description", "summary"} and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


class TestWhoseItIs:
    def test_merchants_see_only_what_their_key_opens(self) -> None:
        for name, operation in operations(document("/openapi.json")):
            assert operation["security"] == [{"ApiKey": []}], name

    def test_operators_see_only_what_their_key_opens(self) -> None:
        for name, operation in operations(document("/openapi-admin.json")):
            assert operation["security"] == [{"AdminKey": []}], name

    def test_every_call_stands_in_one_of_them(self) -> None:
        both = [name for path in PATHS.values() for name, _ in operations(document(path))]

        assert len(both) == len(set(both)) > 40

    @pytest.mark.parametrize("path", PATHS.values())
    def test_is_only_read(self, path: str) -> None:
        assert Client().post(path).status_code == 405


class TestPages:
    def test_merchants_read_theirs_at_docs(self) -> None:
        page = Client().get("/docs")

        assert page.status_code == 200
        assert b"swagger-ui" in page.content

    @pytest.mark.parametrize(("switched_on", "status"), [(True, 200), (False, 404)])
    def test_operators_read_theirs_where_it_is_switched_on(
        self, settings: Settings, switched_on: bool, status: int
    ) -> None:
        settings.OPERATORS_SWAGGER_UI = switched_on

        assert Client().get("/docs-admin").status_code == status


class TestOperations:
    def test_have_a_stable_name_a_summary_and_a_tag_that_is_described(
        self, served: dict[str, Any]
    ) -> None:
        tags = {tag["name"] for tag in served["tags"] if tag["description"]}
        names = [operation["operationId"] for _, operation in operations(served)]
        assert len(names) == len(set(names))
        for name, operation in operations(served):
            assert re.fullmatch(r"[a-z]+([A-Z][a-z0-9]+)*", operation["operationId"]), name
            assert operation["summary"], name
            assert operation["description"], name
            assert set(operation["tags"]) <= tags, name

    def test_name_what_a_merchant_calls(self) -> None:
        names = {operation["operationId"] for _, operation in operations(document("/openapi.json"))}

        assert names >= {
            *("createInvoice", "listInvoices", "getInvoice", "listGateways", "refundInvoice"),
            *("openInvoicePayment", "getFinancialReport", "createWebhookEndpoint"),
        }

    def test_say_which_codes_each_status_bears(self, served: dict[str, Any]) -> None:
        seen = 0
        for name, operation in operations(served):
            for status, answer in operation["responses"].items():
                if status < "400":
                    continue
                component = answer["$ref"].rpartition("/")[2]
                error = served["components"]["schemas"][f"{component}Error"]
                assert error["properties"]["error"]["enum"] == codes_of(int(status)), name
                seen += 1
        assert seen > 40

    def test_say_the_headers_of_every_answer(self, served: dict[str, Any]) -> None:
        shared = served["components"]["responses"]
        for name, operation in operations(served):
            for status, answer in operation["responses"].items():
                bears = shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
                assert "X-Request-Id" in bears["headers"], (name, status)
                assert ("Retry-After" in bears["headers"]) == (status in {"429", "503"})

    def test_link_to_operations_that_there_are(self, served: dict[str, Any]) -> None:
        names = {operation["operationId"] for _, operation in operations(served)}
        links = [
            link
            for _, operation in operations(served)
            for answer in operation["responses"].values()
            for link in answer.get("links", {}).values()
        ]
        assert links
        assert {link["operationId"] for link in links} <= names

    def test_lead_from_an_invoice_to_what_can_be_done_with_it(self) -> None:
        made = document("/openapi.json")["paths"]["/invoices"]["post"]["responses"]["201"]

        assert made["links"].keys() >= {"getInvoice", "cancelInvoice", "refundInvoice"}
        assert "Location" in made["headers"]
        assert made["links"]["getInvoice"]["parameters"] == {"invoice_id": "$response.body#/id"}


class TestProperties:
    def test_are_all_described(self, served: dict[str, Any]) -> None:
        missing = [
            f"{component}.{name}"
            for component, schema in served["components"]["schemas"].items()
            for name, of in schema.get("properties", {}).items()
            if not of.get("description")
        ]
        assert missing == [], "give them a help_text, or words in paytrust/web/openapi/words.py"

    def test_so_are_parameters(self, served: dict[str, Any]) -> None:
        for name, operation in operations(served):
            for parameter in operation.get("parameters", []):
                assert parameter["description"], (name, parameter["name"])

    def test_lists_have_an_end(self, served: dict[str, Any]) -> None:
        for component, schema in served["components"]["schemas"].items():
            for name, of in schema.get("properties", {}).items():
                if of.get("type") == "array":
                    assert of["maxItems"] > 0, f"{component}.{name}: add it to MOST_ITEMS"

    def test_ids_are_of_one_type(self, served: dict[str, Any]) -> None:
        for component, schema in served["components"]["schemas"].items():
            for name, of in schema.get("properties", {}).items():
                if (name == "id" or name.endswith("_id")) and "integer" in of.get("type", ""):
                    assert (of["format"], of["minimum"]) == ("int64", 1), f"{component}.{name}"
        for name, operation in operations(served):
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] not in TEXT_IDS:
                    assert parameter["schema"]["type"] == "integer", name

    def test_bodies_take_nothing_that_is_not_named(self, served: dict[str, Any]) -> None:
        bodies = [
            schema
            for name, schema in served["components"]["schemas"].items()
            if name.endswith("Request")
            and name != "OwnRequest"  # it is answered: a call of one's own
        ]
        assert bodies
        assert all(schema["additionalProperties"] is False for schema in bodies)

    def test_money_is_sent_as_text_and_answered_as_whole_units(self) -> None:
        schemas = document("/openapi.json")["components"]["schemas"]
        sent = schemas["LineItemRequest"]["properties"]["unit_price"]

        assert sent["type"] == "string"
        assert [
            text for text in ("0", "999.99", "50000") if not re.search(sent["pattern"], text)
        ] == []
        assert [text for text in ("50.000", "-1", "1e3") if re.search(sent["pattern"], text)] == []
        for component, schema in schemas.items():
            for name, of in schema.get("properties", {}).items():
                if name.endswith("_amount"):
                    assert "integer" in of["type"], f"{component}.{name}"

    def test_what_we_make_is_read_only(self) -> None:
        invoice = document("/openapi.json")["components"]["schemas"]["Invoice"]["properties"]

        assert invoice["id"]["readOnly"] is invoice["version"]["readOnly"] is True


class TestWords:
    def test_tell_nothing_of_the_inside(self, served: dict[str, Any]) -> None:
        assert [text for text in texts(served) if INTERNAL.search(text)] == []

    def test_hold_no_enumeration_of_nothing(self, served: dict[str, Any]) -> None:
        assert not [name for name in served["components"]["schemas"] if name.endswith("Enum")]
        assert "nullable" not in json.dumps(served)
