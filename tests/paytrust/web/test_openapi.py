from typing import Any

from django.test import Client

from paytrust.web.openapi import document_errors

PROBLEM = {"$ref": "#/components/schemas/Problem"}


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

    def test_names_what_a_caller_who_wants_no_xml_meets(self) -> None:
        xml: dict[str, Any] = {"200": {"content": {"application/xml": {}}}}

        assert documented("get", "/things", responses=xml) == {"400", "406", "422", "503"}

    def test_leaves_what_a_view_says_itself(self) -> None:
        own = {"400": {"description": "mine"}}

        result = document_errors({"paths": {"/x": {"get": {"responses": dict(own)}}}})

        assert result["paths"]["/x"]["get"]["responses"]["400"] == own["400"]

    def test_gives_every_error_in_the_document_one_schema(self) -> None:
        document = Client().get("/openapi.json").json()

        errors = [
            answer["content"]["application/json"]["schema"]
            for operations in document["paths"].values()
            for operation in operations.values()
            for status, answer in operation["responses"].items()
            if status >= "400"
        ]
        assert len(errors) > 100
        assert all(schema == PROBLEM for schema in errors)
        assert document["components"]["schemas"]["Problem"]["required"] == [
            *("error", "message", "details", "request_id")
        ]
