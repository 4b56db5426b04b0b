"""A gateway on a port of this machine, and orders for it."""

from collections.abc import Iterator

import pytest

from tests.gateways.playback import Playback, playing


@pytest.fixture
def gateway() -> Iterator[Playback]:
    with playing() as playback:
        yield playback
