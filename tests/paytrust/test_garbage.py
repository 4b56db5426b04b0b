"""What a process has loaded is not looked at by later collections."""

import gc
from collections.abc import Iterator

import pytest

from paytrust import garbage


@pytest.fixture
def _thawed() -> Iterator[None]:
    """Nothing is frozen, as in a process that has just begun; then all is again."""
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()


@pytest.mark.usefixtures("_thawed")
def test_collections_leave_out_what_is_loaded() -> None:
    assert gc.get_freeze_count() == 0

    garbage.leave_out_what_is_loaded()

    assert gc.get_freeze_count() > 100_000  # Django alone has more objects
