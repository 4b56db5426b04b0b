"""Identifiers in the gateways' own forms; with a seed they are repeatable."""

import random
import threading
import uuid


class Identifiers:
    """Makes ids, virtual account numbers and random choices from one stream with a seed."""

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311  # a simulator's ids guard nothing

    def reseed(self, seed: int) -> None:
        with self._lock:
            self._random.seed(seed)

    def hex24(self) -> str:
        """Return an id in the form of Xendit's objects."""
        return f"{self._bits(96):024x}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._bits(128), version=4))

    def digits(self, count: int) -> str:
        with self._lock:
            return "".join(str(self._random.randrange(10)) for _ in range(count))

    def gauss(self) -> float:
        with self._lock:
            return self._random.gauss(0.0, 1.0)

    def chance(self, probability: float) -> bool:
        with self._lock:
            return self._random.random() < probability

    def _bits(self, count: int) -> int:
        with self._lock:
            return self._random.getrandbits(count)
