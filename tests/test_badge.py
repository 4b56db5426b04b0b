"""The badge of branch coverage."""

import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests import badge

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(("percent", "color"), [(91, badge.POOR), (92, badge.GOOD)])
def test_says_the_percentage_and_whether_it_is_enough(percent: int, color: str) -> None:
    drawn = ET.fromstring(badge.badge(percent))  # noqa: S314  # our own text

    assert drawn.attrib["aria-label"] == f"branch coverage {percent} %"
    assert f"{percent} %" in [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert color in badge.badge(percent)


def test_has_the_limit_of_the_report() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert settings["tool"]["coverage"]["report"]["fail_under"] == badge.LIMIT
