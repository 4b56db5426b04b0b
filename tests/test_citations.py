"""Each rule, requirement and gateway fact that code or docs cite is in the docs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RULES = (ROOT / "docs" / "rules.md").read_text()
FACTS = (ROOT / "docs" / "gateway-facts.md").read_text()
APPS = ("paytrust", "apikeys", "events", "gateways", "invoices", "payments", "reporting")


def rules() -> set[str]:
    """Return the numbers of all rules: "3" for a section, "3.4" for its fourth rule."""
    found, section = set(), ""
    for line in RULES.splitlines():
        if heading := re.match(r"## (\d+)\. ", line):
            section = heading[1]
            found.add(section)
        elif line.startswith("## "):
            section = ""
        elif section and (rule := re.match(r"(\d+)\. ", line)):
            found.add(f"{section}.{rule[1]}")
    return found


def requirements() -> set[str]:
    """Return the requirements that rules name, the ends of ranges and what is between."""
    found = set(re.findall(r"\b(?:FR|NFR|SC)-\d{3}[a-z]?\b", RULES))
    for first, last in re.findall(r"\bFR-(\d{3}) to FR-(\d{3})\b", RULES):
        found |= {f"FR-{number:03}" for number in range(int(first), int(last) + 1)}
    return found


def facts() -> set[str]:
    return set(re.findall(r"^#+ ([ABC]\d{1,2})\. ", FACTS, re.MULTILINE))


def cited(pattern: str) -> dict[str, str]:
    """Return each citation of a kind, with a file where it stands."""
    sources = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    sources += [*(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.py")]
    return {
        citation: str(path.relative_to(ROOT))
        for path in sources
        if path.name
        not in {"rules.md", "gateway-facts.md", "test_citations.py", "test_spreadsheets.py"}
        for citation in re.findall(pattern, path.read_text())
    }


@pytest.mark.parametrize(
    ("pattern", "known"),
    [
        (r"\bspec (\d+(?:\.\d+)?)\b", rules()),
        (r"\b(?:FR|NFR|SC)-\d{3}[a-z]?\b", requirements()),
        (r"(?<![\w#-])([ABC](?:[1-9]|10))\b(?![\w.-]*[\"'])", facts()),
    ],
    ids=["rules", "requirements", "gateway facts"],
)
def test_leads_somewhere(pattern: str, known: set[str]) -> None:
    found = cited(pattern)

    assert found, "the pattern finds nothing: this test would hold for any text"
    assert {citation: where for citation, where in found.items() if citation not in known} == {}
