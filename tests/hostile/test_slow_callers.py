"""A caller that sends slowly, or nothing, does not make the others wait."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests

from tests.conftest import Merchant
from tests.factories import invoice_body
from tests.hostile.test_raw_http import CHUNKED, HEAD, HEALTH, refusal

MANY = 200


@contextmanager
def half_open(port: int, start: bytes, *, drip: bytes = b"") -> Iterator[None]:
    """Hold connections that begin a request and do not end it, dripping a byte now and then."""
    ended = threading.Event()
    with ExitStack() as stack:
        callers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            for _ in range(MANY)
        ]
        for caller in callers:
            caller.sendall(start)

        def keep_on() -> None:
            while not ended.wait(0.5):
                for caller in callers:
                    with suppress(OSError):
                        caller.send(drip)

        dripping = threading.Thread(target=keep_on)
        if drip:
            dripping.start()
        yield
        ended.set()
        if drip:
            dripping.join()


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        (b"", b""),
        (b"GET /healthz HT", b""),
        (HEALTH, b"X"),
        (HEAD + b"Content-Length: 200000\r\n\r\n{", b" "),
        (CHUNKED + b"1000\r\n", b" "),
    ],
    ids=["silent", "half a line", "slow headers", "slow body", "slow chunks"],
)
def test_two_hundred_of_them_keep_nobody_waiting(
    merchant: Merchant, web_port: int, start: bytes, drip: bytes
) -> None:
    url = f"http://127.0.0.1:{web_port}"
    served = Merchant(url, merchant.tenant, merchant.key)
    served.post("/invoices", json=invoice_body()).raise_for_status()

    with half_open(web_port, start, drip=drip):
        began = time.monotonic()
        statuses = [requests.get(f"{url}/healthz", timeout=5).status_code for _ in range(5)]
        statuses.append(served.post("/invoices", json=invoice_body()).status_code)
        took = time.monotonic() - began

    assert statuses == [200] * 5 + [201]
    assert took < 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "seconds"),
    [(HEALTH, 10), (HEAD + b"Content-Length: 2000\r\n\r\n{", 20), (CHUNKED + b"10\r\n{", 20)],
    ids=["a head", "a body", "chunks"],
)
def test_what_takes_too_long_is_ended(web_port: int, start: bytes, seconds: float) -> None:
    began = time.monotonic()
    received = b""
    with socket.create_connection(("127.0.0.1", web_port), timeout=seconds + 5) as caller:
        caller.sendall(start)
        while data := caller.recv(65_536):
            received += data

    assert refusal(received) == (408, "request_timeout")
    assert seconds <= time.monotonic() - began < seconds + 3


@pytest.mark.slow
def test_who_says_nothing_is_left_without_an_answer(web_port: int) -> None:
    with socket.create_connection(("127.0.0.1", web_port), timeout=15) as caller:
        assert caller.recv(100) == b""
