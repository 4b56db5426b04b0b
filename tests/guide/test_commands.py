"""The commands that the guide shows, run in the order in which they stand."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from paytrust.localstack.embedded import PROJECT
from tests.conftest import Merchant, Sandbox

PAGES = PROJECT / "docs" / "guide" / "pages"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What the last command of a page says, by its page: the end of its story.
ENDS = {
    "quick-start": "invoice.paid",
    "instalments": "partially_paid",
    "refunds": "succeeded\npartial",
    "fees": '"gateways"',
    "due-dates": "T16:59:59Z",
    "trouble": "502\n201",
    "month-end": "net",
}


def blocks(page: Path, language: str) -> list[str]:
    return [text for named, text in FENCE.findall(page.read_text()) if named == language]


def first_block_of_the_quick_start() -> str:
    return blocks(PAGES / "quick-start.md", "sh")[0]


def test_every_page_with_commands_has_an_end() -> None:
    assert {page.stem for page in PAGES.glob("*.md") if blocks(page, "sh")} == set(ENDS)


@pytest.mark.parametrize("name", ENDS)
def test_the_commands_of_a_page_run(
    merchant: Merchant, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    stack = {
        "base_url": merchant.url,
        "api_key": merchant.key,
        "sandbox": {"control": f"{sandbox.url}/control"},
    }
    (tmp_path / ".paytrust").mkdir()
    (tmp_path / ".paytrust" / "stack.json").write_text(json.dumps(stack))
    own = blocks(PAGES / f"{name}.md", "sh")
    script = "\n".join([first_block_of_the_quick_start(), *(own[name == "quick-start" :])])

    ended = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert ENDS[name] in ended.stdout, said
    assert '"error"' not in ended.stdout, said


def test_every_target_of_make_that_is_shown_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    shown = {
        target
        for page in PAGES.glob("*.md")
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }

    assert {"up", "down", "reset"} <= shown
    assert shown <= targets
