"""The method table in docs/gateways.md has exactly what the descriptors say."""

from pathlib import Path

from gateways import refund_table

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/gateways.md"


def test_the_table_in_the_guide_is_made_of_the_descriptors() -> None:
    table = "\n".join(refund_table.lines())

    assert table in DOCUMENT.read_text(), f"put this into docs/gateways.md:\n{table}"
