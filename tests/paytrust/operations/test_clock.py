"""The clock that a development stack follows."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paytrust.localstack.embedded import PROJECT
from paytrust.operations.clock import FollowedClock, move
from tests.paytrust.test_settings import PRODUCTION

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
ASK = (
    "import time, django; from django.utils import timezone; django.setup(); "
    "print(round((timezone.now().timestamp() - time.time()) / 3600))"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "clock"


class TestFollowedClock:
    def test_follows_each_move(self, file: Path) -> None:
        clock = FollowedClock(file, real=lambda: NOON)
        assert clock.now() == NOON

        for hours in (25, 1, -3):
            move(file, timedelta(hours=hours))
            assert clock.now() == NOON + timedelta(hours=hours)

    def test_without_its_file_shows_real_time(self, file: Path) -> None:
        clock = FollowedClock(file, real=lambda: NOON)
        move(file, timedelta(hours=1))
        assert clock.now() == NOON + timedelta(hours=1)

        file.unlink()

        assert clock.now() == NOON


@pytest.mark.parametrize(
    ("environment", "hours"), [("development", 25), ("staging", 0), ("production", 0)]
)
def test_only_development_follows(file: Path, environment: str, hours: int) -> None:
    move(file, timedelta(hours=25))

    asked = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            **PRODUCTION,
            "ENVIRONMENT": environment,
            "DEVELOPMENT_CLOCK": str(file),
            "DJANGO_SETTINGS_MODULE": "paytrust.settings",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert asked.stdout.strip() == str(hours), asked.stderr
