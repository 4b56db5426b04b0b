import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import coverage
import pytest
import redis

from paytrust.localstack.embedded import PROJECT
from tests import environment


class TestRedisUrlOf:
    def test_gives_each_worker_a_number_and_leaves_0_to_the_main_process(self) -> None:
        url = "redis://:secret@127.0.0.1:6379/0"

        assert environment.redis_url_of("gw0", url) == "redis://:secret@127.0.0.1:6379/1"
        assert environment.redis_url_of("gw11", url) == "redis://:secret@127.0.0.1:6379/12"


class TestPlugin:
    def test_runs_this_very_test_on_a_server_that_answers(self) -> None:
        assert redis.Redis.from_url(os.environ["REDIS_URL"]).ping() is True

    def test_replaces_credentials_of_the_shell(self) -> None:
        """A developer's real keys must not be what tests send."""
        program = "import os; print(os.environ['XENDIT_SECRET_KEY'])"
        probe = "from tests import environment as e; next(e.pytest_load_initial_conftests());"

        run = subprocess.run(
            [sys.executable, "-c", f"{probe} {program}"],
            cwd=PROJECT,
            env={**os.environ, "XENDIT_SECRET_KEY": "xnd_production_real"},
            capture_output=True,
            text=True,
            check=True,
        )

        assert run.stdout.strip() == "xnd_development_TESTKEY"


class TestMeasuring:
    @pytest.mark.parametrize(
        ("mark", "before", "after"), [("unmeasured", ["stop"], ["stop", "start"]), (None, [], [])]
    )
    def test_rests_during_a_test_that_is_marked(
        self, monkeypatch: pytest.MonkeyPatch, mark: str | None, before: list[str], after: list[str]
    ) -> None:
        done: list[str] = []
        measuring = SimpleNamespace(
            stop=lambda: done.append("stop"), start=lambda: done.append("start")
        )
        monkeypatch.setattr(coverage.Coverage, "current", lambda: measuring)
        item: Any = SimpleNamespace(get_closest_marker=lambda name: name if name == mark else None)

        running = environment.pytest_runtest_protocol(item)
        next(running)
        assert done == before
        with pytest.raises(StopIteration):
            running.send(True)
        assert done == after
