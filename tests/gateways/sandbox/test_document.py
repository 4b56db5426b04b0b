"""docs/sandbox.md names every command."""

import re

import pytest

from gateways.sandbox import triggers
from gateways.sandbox.faults import API_FAULTS, MARKERS, WEBHOOK_FAULTS
from gateways.sandbox.midtrans import counter as midtrans_counter
from gateways.sandbox.urls import urlpatterns
from gateways.sandbox.xendit import counter as xendit_counter
from tests.gateways.sandbox.conftest import ROOT

TEXT = (ROOT / "docs" / "sandbox.md").read_text()
NAMED = set(re.findall(r"`([^`\n]+)`", TEXT))
PAGES = {"control", "control/", "control/deliveries/<int:number>/resend"}
BUTTONS = {
    button.action
    for buttons in (
        xendit_counter.BUTTONS,
        *xendit_counter.AFTER.values(),
        midtrans_counter.BUTTONS,
        midtrans_counter.AFTER_PAYMENT,
    )
    for button in buttons
}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("faults", API_FAULTS | WEBHOOK_FAULTS),
        ("marks", set(MARKERS)),
        ("events", set(triggers.NAMES)),
        ("buttons", BUTTONS),
    ],
)
def test_names_all(kind: str, names: set[str]) -> None:
    assert names <= NAMED, kind


def test_names_each_command() -> None:
    routes = {str(pattern.pattern) for pattern in urlpatterns}
    commands = {route for route in routes if route.startswith("control")} - PAGES

    assert len(commands) > 10
    assert [route for route in commands if f"/{route}`" not in TEXT] == []


def test_tables_name_no_fault_that_does_not_exist() -> None:
    tables = TEXT.partition("| fault of a call")[2].partition("A mark in")[0]
    first_cells = "".join(re.findall(r"^\| (`.+?) \|", tables, re.MULTILINE))

    assert set(re.findall(r"`([a-z0-9_]+)`", first_cells)) == API_FAULTS | WEBHOOK_FAULTS
