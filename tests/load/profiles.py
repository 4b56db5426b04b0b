"""How many users there are in each stage of a profile, and how often each of them acts."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Stage:
    """So many users for so long."""

    seconds: float
    users: int


PROFILES: Final[dict[str, tuple[Stage, ...]]] = {
    "smoke": (Stage(60, 10),),
    "average": (Stage(300, 100),),
    "stress": tuple(Stage(60, users) for users in (50, 100, 150, 200, 300, 400)),
    "spike": (Stage(60, 20), Stage(60, 400), Stage(120, 20)),
    "soak": (Stage(7200, 50),),
}
ACTS_PER_SECOND: Final = 1.3  # of each user: 100 users act 130 times a second


def stages_of(profile: str, *, seconds: float | None = None) -> tuple[Stage, ...]:
    """Return a profile's stages; `seconds` makes all of them shorter or longer together."""
    stages = PROFILES[profile]
    factor = 1.0 if seconds is None else seconds / sum(stage.seconds for stage in stages)
    return tuple(Stage(stage.seconds * factor, stage.users) for stage in stages)


def users_at(stages: tuple[Stage, ...], seconds: float) -> int | None:
    """Return how many users there are after some seconds; None after the last stage."""
    for stage in stages:
        if seconds < stage.seconds:
            return stage.users
        seconds -= stage.seconds
    return None
