"""How many users a profile has, and when."""

import pytest

from tests.load.profiles import PROFILES, Stage, stages_of, users_at


def test_five_minutes_of_a_hundred_users_is_a_profile():
    assert PROFILES["average"] == (Stage(300, 100),)


def test_a_shorter_run_keeps_the_shares_of_its_stages():
    assert stages_of("spike", seconds=24) == (Stage(6, 20), Stage(6, 400), Stage(12, 20))


@pytest.mark.parametrize(
    ("seconds", "users"), [(0, 20), (59.9, 20), (60, 400), (120, 20), (239, 20), (240, None)]
)
def test_users_follow_the_stages_and_then_leave(seconds: float, users: int | None) -> None:
    assert users_at(PROFILES["spike"], seconds) == users
