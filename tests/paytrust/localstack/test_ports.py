import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paytrust.localstack import ports


@pytest.fixture
def owned() -> Iterator[int]:
    """A port that a server listens on."""
    with socket.create_server(("127.0.0.1", 0)) as owner:
        yield owner.getsockname()[1]


class TestFreePort:
    def test_is_never_one_that_connections_get(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        range_file = tmp_path / "range"
        range_file.write_text("10020\t60999\n")
        monkeypatch.setattr(ports, "OF_CONNECTIONS", range_file)

        assert {ports.free_port() for _ in range(500)} <= set(range(ports.LOWEST, 10020))

    @pytest.mark.parametrize("says", ["1024\t65535\n", None], ids=["all", "nothing"])
    def test_knows_the_usual_range_where_the_system_does_not_help(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str | None
    ) -> None:
        range_file = tmp_path / "range"
        if says:
            range_file.write_text(says)
        monkeypatch.setattr(ports, "OF_CONNECTIONS", range_file)

        assert ports.LOWEST <= ports.free_port() < ports.FIRST_OF_CONNECTIONS

    def test_is_the_one_that_is_wanted_if_it_is_free(self) -> None:
        wanted = ports.free_port()

        assert ports.free_port(rather=wanted) == wanted

    def test_is_another_if_the_wanted_one_is_taken(self, owned: int) -> None:
        assert ports.free_port(rather=owned) != owned

    def test_passes_over_those_that_are_taken(
        self, monkeypatch: pytest.MonkeyPatch, owned: int
    ) -> None:
        drawn = iter([owned, owned, ports.free_port()])
        monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn) - ports.LOWEST)

        assert ports.free_port() != owned

    def test_says_so_if_none_is_free(self, monkeypatch: pytest.MonkeyPatch, owned: int) -> None:
        monkeypatch.setattr("secrets.randbelow", lambda _: owned - ports.LOWEST)

        with pytest.raises(ports.PortTaken, match="no port from"):
            ports.free_port()


class TestProgram:
    def test_prints_one_without_any_library(self) -> None:
        ran = subprocess.run(
            [sys.executable, "-I", "-S", ports.__file__], capture_output=True, text=True, check=True
        )

        assert re.fullmatch(r"[0-9]+\n", ran.stdout)
