"""The audit of dependencies fails if it cannot be made, unless a date allows that."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from paytrust.localstack.embedded import PROJECT

AWAY = "sh -c 'echo ConnectionError: Max retries exceeded' --"
CLEAN = "sh -c 'echo No known vulnerabilities found' --"
FINDS = "sh -c 'echo django 1.0 CVE-2099-1; exit 1' --"


def checked(audit: str, allowance: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *("make", "--old-file", "venv", "check-dependencies"),
            *(f"AUDIT={audit}", f"AUDIT_ALLOWANCE={allowance}"),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def allowance(tmp_path: Path) -> Path:
    return tmp_path / "allowance"


def day(offset: int) -> str:
    return (timezone.now() + timedelta(days=offset)).date().isoformat()


class TestWhereTheServiceCannotBeAsked:
    def test_it_fails_without_an_allowance(self, allowance: Path) -> None:
        ended = checked(AWAY, allowance)

        assert ended.returncode != 0
        assert "cannot be asked from here" in ended.stderr

    @pytest.mark.parametrize("words", [day(-1), "for ever", "", "2026-13"])
    def test_it_fails_after_the_allowed_day_or_without_one(
        self, allowance: Path, words: str
    ) -> None:
        allowance.write_text(f"{words}\nbecause\n")

        assert checked(AWAY, allowance).returncode != 0

    @pytest.mark.parametrize("offset", [0, 1])
    def test_it_is_left_out_until_the_allowed_day(self, allowance: Path, offset: int) -> None:
        allowance.write_text(f"{day(offset)}\nbecause\n")

        ended = checked(AWAY, allowance)

        assert ended.returncode == 0, ended.stderr
        assert f"allows until {day(offset)}" in ended.stdout


class TestWhereItCanBeAsked:
    def test_what_it_finds_fails_whatever_is_allowed(self, allowance: Path) -> None:
        allowance.write_text(f"{day(9)}\n")

        assert checked(FINDS, allowance).returncode != 0

    def test_a_clean_answer_passes(self, allowance: Path) -> None:
        assert checked(CLEAN, allowance).returncode == 0
