"""A process that attacks a web server: half-open requests, hostile bodies and a sign-in flood.

`python -m bench.siege_process PORT API_KEY` writes `begun` once all of it goes on, and goes on
until it is killed.
"""

import http.client
import itertools
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import urlencode

from bench.hostile import shapes

HALF_OPEN: Final = 200
BODIES_AT_ONCE: Final = 16
SIGN_INS_AT_ONCE: Final = 4
DRIP_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 60
HALF_A_REQUEST: Final = (
    b"POST /invoices HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\n{"
)


def main(port: int, api_key: str) -> None:
    """Attack the server on this port of 127.0.0.1."""
    headers = {"X-API-Key": api_key, "Content-Type": "application/json"}
    bodies = [body for body, _status in shapes().values()]

    def send_bodies(number: int) -> None:
        turns = itertools.cycle(bodies[number:] + bodies[:number])
        _keep_sending(port, "/invoices", headers, lambda: next(turns))

    def sign_in(number: int) -> None:
        tries = itertools.count()
        _keep_sending(
            port,
            "/admin/login/",
            {"Content-Type": "application/x-www-form-urlencoded"},
            lambda: urlencode(
                {"username": f"somebody-{number}-{next(tries)}", "password": "guess"}
            ).encode(),
        )

    threading.Thread(target=_hold_half_open, args=(port,), daemon=True).start()
    for work, at_once in ((send_bodies, BODIES_AT_ONCE), (sign_in, SIGN_INS_AT_ONCE)):
        for number in range(at_once):
            threading.Thread(target=work, args=(number,), daemon=True).start()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    sys.stdin.read()


def _hold_half_open(port: int) -> None:
    callers: list[socket.socket] = []
    while True:
        callers = [caller for caller in callers if _drips(caller)]
        while len(callers) < HALF_OPEN:
            with suppress(OSError):
                caller = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
                caller.sendall(HALF_A_REQUEST)
                callers.append(caller)
        time.sleep(DRIP_SECONDS)


def _drips(caller: socket.socket) -> bool:
    try:
        caller.sendall(b" ")
    except OSError:  # the server ended it
        caller.close()
        return False
    return True


def _keep_sending(
    port: int, path: str, headers: dict[str, str], next_body: Callable[[], bytes]
) -> None:
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        with suppress(OSError, http.client.HTTPException):
            while True:
                connection.request("POST", path, next_body(), headers)
                connection.getresponse().read()
        connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
