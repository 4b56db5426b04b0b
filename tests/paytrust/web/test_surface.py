"""What callers rely on, as lines; and docs/api-changes.md, which lists what differs."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from paytrust.management.commands.api_changes import current, released
from paytrust.web.surface import difference, surface

DOCS = Path(settings.BASE_DIR, "docs")
UNRELEASED = re.compile(r"^## Unreleased\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def document(**schemas: Any) -> dict[str, Any]:
    """Return a document with one call, whose body and answer are `Thing`."""
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    return {
        "paths": {
            "/things/{thing_id}": {
                "post": {
                    "parameters": [
                        {"in": "path", "name": "thing_id"},
                        {"in": "query", "name": "page", "schema": {"type": "integer"}},
                    ],
                    "requestBody": body,
                    "responses": {"200": body, "404": body},
                }
            }
        },
        "components": {"schemas": schemas},
    }


THING: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": ["string", "null"], "description": "any"},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Piece"}},
    },
}
PIECE: dict[str, Any] = {
    "allOf": [{"type": "object", "properties": {"kind": {"enum": ["a", "b", None]}}}],
}


class TestSurface:
    def test_has_calls_parameters_fields_values_and_types(self) -> None:
        call = "POST /things/{}"

        assert surface(document(Thing=THING, Piece=PIECE)) == {
            call,
            f"{call} query page",
            f"{call} query page: integer",
            f"{call} body.name = required",
            f"{call} 200",
            *(
                f"{call} {place}{field}"
                for place in ("body", "200")
                for field in (
                    *(".name", ".name: string", ".name: null", ".parts"),
                    *(".parts[].kind", ".parts[].kind = a", ".parts[].kind = b"),
                )
            ),
        }

    def test_ends_where_a_schema_holds_itself(self) -> None:
        thing = {"properties": {"child": {"$ref": "#/components/schemas/Thing"}}}

        assert "POST /things/{} 200.child.child" in surface(document(Thing=thing))

    def test_has_no_texts(self) -> None:
        other = THING | {"description": "another"}

        assert surface(document(Thing=THING)) == surface(document(Thing=other))


class TestDifference:
    def test_of_a_new_field_and_a_lost_value(self) -> None:
        piece = {"properties": {"kind": {"enum": ["a"]}, "size": {"type": "integer"}}}

        before = surface(document(Thing=THING, Piece=PIECE))
        after = surface(document(Thing=THING, Piece=piece))

        call = "POST /things/{}"
        assert difference(before, after) == (
            [f"{call} 200.parts[].size", f"{call} body.parts[].size"],
            [f"{call} 200.parts[].kind = b", f"{call} body.parts[].kind = b"],
        )

    def test_of_a_new_call_is_one_line(self) -> None:
        one = document(Thing=THING, Piece=PIECE)

        assert difference(frozenset(), surface(one)) == (["POST /things/{}"], [])
        assert difference(surface(one), frozenset()) == ([], ["POST /things/{}"])

    def test_of_a_field_that_is_now_required(self) -> None:
        thing = THING | {"required": ["name", "parts"]}

        added, removed = difference(surface(document(Thing=THING)), surface(document(Thing=thing)))

        assert (added, removed) == (["POST /things/{} body.parts = required"], [])


def listed(title: str) -> list[str]:
    """Return the lines under a title of the section "Unreleased"."""
    section = UNRELEASED.search((DOCS / "api-changes.md").read_text())
    assert section, "docs/api-changes.md has no section Unreleased"
    pieces = re.split(r"^### (\w+)\n", section[1], flags=re.MULTILINE)
    lines = dict(zip(pieces[1::2], pieces[2::2], strict=True)).get(title, "")
    return re.findall(r"^- `([^`]+)`", lines, re.MULTILINE)


class TestApiChanges:
    """When one fails, `manage.py api_changes` prints the lines that docs/api-changes.md needs."""

    def test_list_what_differs_from_the_release_and_nothing_else(self) -> None:
        added, removed = difference(released(), current())

        assert (sorted(listed("Added")), sorted(listed("Removed"))) == (added, removed)

    def test_are_printed_by_the_command(self, capsys: Any) -> None:
        call_command("api_changes")

        assert re.findall(r"^- `([^`]+)`", capsys.readouterr().out, re.MULTILINE) == [
            *sorted(listed("Added")),
            *sorted(listed("Removed")),
        ]

    def test_take_the_code_as_released_on_request(self, tmp_path: Path, settings: Any) -> None:
        (tmp_path / "docs").mkdir()
        settings.BASE_DIR = tmp_path

        call_command("api_changes", "--release")

        assert released() == current()
        assert len(released()) > 1000
