"""Our configuration of the proxy, tried with HAProxy if it is installed."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

from paytrust.localstack.ports import free_port
from tests.conftest import ROOT
from tests.hostile.test_raw_http import HEAD, exchange

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")


@pytest.fixture(scope="module")
def proxy_port(web_port: int) -> Iterator[int]:
    assert HAPROXY is not None
    port = free_port()
    process = subprocess.Popen(
        [HAPROXY, "-db", "-f", str(ROOT / "deploy" / "haproxy.cfg")],
        env=os.environ
        | {"PAYTRUST_BIND": f"127.0.0.1:{port}", "PAYTRUST_WEB": f"127.0.0.1:{web_port}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok:
                    break
            except requests.RequestException:
                pass
            assert time.monotonic() < deadline, "the proxy does not serve"
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_serves_what_is_behind_it(proxy_port: int) -> None:
    answer = requests.get(f"http://127.0.0.1:{proxy_port}/invoices", timeout=5)

    assert (answer.status_code, answer.json()["error"]) == (401, "missing_api_key")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"Content-Length: 300000\r\n\r\n{", b"413"),
        (
            b"POST /webhooks/xendit HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 70000\r\n\r\n{",
            b"413",
        ),
        (b"GET /healthz\r\n\x00\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", b"400"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n", b"400"),
    ],
)
def test_refuses_at_once_and_closes(proxy_port: int, sent: bytes, status: bytes) -> None:
    received = exchange(proxy_port, sent)

    assert received.split()[1] == status
    assert b"connection: close" in received.lower()
    if status == b"400":
        return  # what is no HTTP gets HAProxy's own page, which no setting of it replaces
    head, _, body = received.partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert problem.keys() == {"error", "message", "details", "request_id"}
    assert f"x-request-id: {problem['request_id']}".encode() in head.lower()


def test_shows_figures_to_nobody_outside(proxy_port: int) -> None:
    answer = requests.get(f"http://127.0.0.1:{proxy_port}/metrics", timeout=5)

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("status", [400, 408, 500, 502, 503, 504])
def test_has_the_apis_shape_for_each_failure_of_its_own(status: int) -> None:
    head, _, body = (
        (ROOT / "deploy" / "haproxy" / f"{status}.http").read_bytes().partition(b"\r\n\r\n")
    )

    assert f"errorfile {status} haproxy/{status}.http" in (ROOT / "deploy/haproxy.cfg").read_text()
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body).keys() == {"error", "message", "details", "request_id"}


def test_lets_one_address_hold_a_hundred_connections(proxy_port: int) -> None:
    flood = [
        socket.create_connection(("127.0.0.1", proxy_port), source_address=("127.0.0.9", 0))
        for _ in range(150)
    ]
    try:
        time.sleep(0.3)
        answer = requests.get(f"http://127.0.0.1:{proxy_port}/healthz", timeout=5)
    finally:
        for caller in flood:
            caller.close()

    assert answer.status_code == 200
