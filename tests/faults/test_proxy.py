"""The proxy passes on all bytes until it is cut."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxy


@pytest.fixture
def echo_port() -> Iterator[int]:
    """The port of a server that says everything back."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                while data := connection.recv(1024):
                    connection.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(echo_port: int) -> Iterator[Proxy]:
    with Proxy(echo_port) as made:
        yield made


def caller(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=0.5)


def is_echoed(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"hello")
        return connection.recv(16) == b"hello"
    except OSError:
        return False


def test_passes_on(proxy: Proxy) -> None:
    with caller(proxy) as connection:
        assert is_echoed(connection)
        assert is_echoed(connection)


@pytest.mark.parametrize("silently", [False, True])
def test_passes_on_nothing_while_it_is_cut(proxy: Proxy, *, silently: bool) -> None:
    with caller(proxy) as before:
        assert is_echoed(before)

        proxy.cut(silently=silently)
        with caller(proxy) as meanwhile:
            assert not is_echoed(before)
            assert not is_echoed(meanwhile)
        proxy.mend()

        assert not is_echoed(before)  # a cut ends what was open
    with caller(proxy) as after:
        assert is_echoed(after)
