"""Bytes that are not proper HTTP get the one error shape, and the connection is closed."""

import json
import socket
import time
from typing import Any

import pytest
import requests

from tests.apikeys.factories import api_key
from tests.invoices.factories import invoice

HEAD = b"POST /invoices HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def exchange(port: int, *pieces: bytes, pause: float = 0.0, wait: float = 5.0) -> bytes:
    """Send pieces and return all that comes back until the server closes or says no more."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as caller:
        try:
            for piece in pieces:
                caller.sendall(piece)
                time.sleep(pause)
        except OSError:
            pass  # refused before the end
        try:
            while data := caller.recv(65_536):
                received += data
        except (TimeoutError, ConnectionResetError):
            received += b"<still open>"
    return received


def refusal(received: bytes) -> tuple[int, str]:
    """Return status and code of the one answer there is, having checked that it is the last."""
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Connection: close" in head, received
    assert b"<still open>" not in body, "the connection stays open"
    problem: dict[str, Any] = json.loads(body)
    assert problem.keys() == {"error", "message", "details", "request_id"}
    assert f"X-Request-Id: {problem['request_id']}".encode() in head
    return int(head.split()[1]), problem["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"2 \r\n{}\r\n0\r\n\r\n",
        b"2\n{}\n0\n\n",
        b"2\r\n{}\n0\r\n\r\n",
        b"2\r\n{}0\r\n\r\n",
        b"1\r\n{}\r\n0\r\n\r\n",
        b"\r\n{}\r\n0\r\n\r\n",
        b"g\r\n{}\r\n0\r\n\r\n",
        b"2_0\r\n{}\r\n0\r\n\r\n",
        b"123456789\r\n{}\r\n0\r\n\r\n",
        b"2;x\ny\r\n{}\r\n0\r\n\r\n",
        b"2" * 300,
    ],
    ids=repr,
)
def test_a_malformed_chunk_is_refused(web_port: int, body: bytes) -> None:
    assert refusal(exchange(web_port, CHUNKED + body)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (
            HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            400,
            "invalid_request",
        ),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400, "invalid_request"),
        (HEAD + b"Content-Length: 2, 2\r\n\r\n{}", 400, "invalid_request"),
        (HEAD + b"Content-Length: -2\r\n\r\n{}", 400, "invalid_request"),
        (HEAD + b"Content-Length: +2\r\n\r\n{}", 400, "invalid_request"),
        (HEAD + b"Content-Length: 0x2\r\n\r\n{}", 400, "invalid_request"),
        (HEAD + b"Content-Length: 2.0\r\n\r\n{}", 400, "invalid_request"),
        (HEAD + b"Content-Length: \r\n\r\n", 400, "invalid_request"),
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", 413, "payload_too_large"),
        (HEAD + b"Content-Length: 262145\r\n\r\n", 413, "payload_too_large"),
        (HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, "invalid_request"),
        (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, "invalid_request"),
        (HEAD + b"Transfer-Encoding: identity\r\n\r\n", 400, "invalid_request"),
        (HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, "invalid_request"),
        (HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400, "invalid_request"),
        (HEAD + b"X: a\r\n b\r\n\r\n", 400, "invalid_request"),
        (HEAD + b"X: a\nY: b\r\n\r\n", 400, "invalid_request"),
        (HEAD + b"X: a\x00b\r\n\r\n", 400, "invalid_request"),
        (HEAD + b"Host: elsewhere\r\n\r\n", 400, "invalid_request"),
        (HEALTH.replace(b"\r\n", b"\n") + b"\n", 400, "invalid_request"),
        (b"GET  /healthz HTTP/1.1\r\n\r\n", 400, "invalid_request"),
        (b"GET /healthz HTTP/9.9\r\n\r\n", 400, "invalid_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "invalid_request"),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", 414, "uri_too_long"),
        (b"GET /" + b"x" * 70_000, 414, "uri_too_long"),
        (HEALTH + b"X: " + b"x" * 9_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (HEALTH + b"X: y\r\n" * 101 + b"\r\n", 431, "headers_too_large"),
        (HEALTH + b"X: " + b"x" * 70_000, 431, "headers_too_large"),
        (CHUNKED + b"40001\r\n", 413, "payload_too_large"),
        (CHUNKED + b"0\r\n" + b"X: y\r\n" * 2_000, 431, "headers_too_large"),
    ],
    ids=lambda value: repr(value[-40:]) if isinstance(value, bytes) else None,
)
def test_what_is_no_request_is_refused(
    web_port: int, request_bytes: bytes, status: int, code: str
) -> None:
    assert refusal(exchange(web_port, request_bytes)) == (status, code)


def test_a_body_that_is_sent_on_after_its_refusal_does_not_hide_the_answer(web_port: int) -> None:
    body = HEAD + b"Content-Length: 3000000\r\n\r\n" + b" " * 3_000_000

    assert refusal(exchange(web_port, body)) == (413, "payload_too_large")


def test_a_smuggled_request_is_not_served(web_port: int) -> None:
    smuggled = b"0\r\n\r\n" + HEALTH + b"\r\n"

    received = exchange(
        web_port, HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled
    )

    assert received.count(b"HTTP/1.1 ") == 1
    assert refusal(received) == (400, "invalid_request")


def test_requests_behind_one_another_are_served_in_turn(web_port: int) -> None:
    last = HEALTH + b"Connection: close\r\n\r\n"
    chunked = CHUNKED + b"1\r\n{\r\n1;a=b\r\n}\r\n0\r\nX-Trailer: x\r\n\r\n"

    received = exchange(web_port, HEALTH + b"\r\n" + chunked + last)

    assert [line.split()[1] for line in received.split(b"\r\n") if line[:9] == b"HTTP/1.1 "] == [
        b"200",
        b"401",
        b"200",
    ]


def test_a_caller_does_not_choose_the_root_of_our_paths(web_port: int) -> None:
    asked = HEALTH + b"SCRIPT_NAME: /x\r\nConnection: close\r\n\r\n"

    assert exchange(web_port, asked).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("committed")
def test_a_caller_does_not_choose_the_scheme_of_our_links(web_port: int) -> None:
    row, key = api_key()
    for _ in range(2):
        invoice(tenant=row.tenant)

    page = requests.get(
        f"http://127.0.0.1:{web_port}/invoices?limit=1",
        headers={"X-API-Key": key, "X-Forwarded-Proto": "https"},
        timeout=10,
    ).json()

    assert page["next"].startswith(f"http://127.0.0.1:{web_port}/invoices?")


def test_a_request_in_single_bytes_is_served(web_port: int) -> None:
    body = CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"

    received = exchange(web_port, *(bytes([byte]) for byte in body), pause=0.001, wait=1)

    assert received.startswith(b"HTTP/1.1 401 ")


def test_a_caller_who_asks_first_may_go_on(web_port: int) -> None:
    head = HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"

    received = exchange(web_port, head, b"{}", pause=0.3)

    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 ")


def test_a_caller_who_asks_first_with_too_much_is_refused_at_once(web_port: int) -> None:
    head = HEAD + b"Content-Length: 300000\r\nExpect: 100-continue\r\n\r\n"

    assert refusal(exchange(web_port, head)) == (413, "payload_too_large")
