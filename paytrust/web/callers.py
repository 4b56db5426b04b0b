"""Who calls, as far as a request's head tells: a key that was accepted, or else an address."""

from collections import OrderedDict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from paytrust.web.client_address import client_address, network_of

KEY_HEADERS: Final = ("X-API-KEY", "X-ADMIN-KEY")
MOST_KEYS: Final = 10_000


class Callers:
    """Names callers, and remembers the keys with which requests were accepted lately.

    A key that was never accepted names no caller: a caller who invents a key for each request
    is one caller, known by its address. Keys are kept as hashes of this process, never as they are.
    """

    def __init__(self) -> None:
        self._accepted: OrderedDict[int, None] = OrderedDict()

    def name_of(self, headers: Sequence[tuple[str, str]], connected_from: str, path: str) -> str:
        """Return a name for the caller of a request.

        An address is divided by the first part of the path, so that a flood of sign-ins keeps no
        notification of a gateway waiting.
        """
        values = dict(headers)
        key = _key_in(values)
        if key is not None and key in self._accepted:
            return f"key {key}"
        address = client_address(connected_from, values.get("X-FORWARDED-FOR", ""))
        return f"{network_of(address) if address else '-'} {path.split('/')[1:2]}"

    def answered(self, headers: Sequence[tuple[str, str]], status: int) -> None:
        """Note with which status a request was answered."""
        key = _key_in(dict(headers))
        if key is None or status >= HTTPStatus.BAD_REQUEST:
            return
        self._accepted[key] = None
        self._accepted.move_to_end(key)
        if len(self._accepted) > MOST_KEYS:
            self._accepted.popitem(last=False)


def _key_in(headers: dict[str, str]) -> int | None:
    return next((hash(headers[name]) for name in KEY_HEADERS if name in headers), None)
