"""Ports for servers on this machine. As a program it prints one; it needs nothing but Python."""

import secrets
import socket
import sys
from pathlib import Path
from typing import Final

LOWEST: Final = 10_000
OF_CONNECTIONS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST_OF_CONNECTIONS: Final = 32_768  # where the system does not say, or says something unusual
MOST_TRIED: Final = 1000


class PortTaken(Exception):
    """A port that we cannot listen on; the text is the system's reason."""


def free_port(*, rather: int = 0) -> int:
    """Return a port of 127.0.0.1 that nothing uses: `rather`, if it is such a port.

    Any other is none of those that the system gives to outgoing connections: a connection of any
    program may take one of them before the server listens on it.

    Raises:
        PortTaken: none was found.
    """
    first_of_connections = _first_of_connections()
    for _ in range(MOST_TRIED):
        port = rather or LOWEST + secrets.randbelow(first_of_connections - LOWEST)
        rather = 0
        try:
            require_free_port(port)
        except PortTaken:
            continue
        return port
    raise PortTaken(f"no port from {LOWEST} to {first_of_connections} is free")


def require_free_port(port: int) -> None:
    """Make sure that we can listen on a port of 127.0.0.1.

    Raises:
        PortTaken: we cannot.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is no owner
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(error.strerror) from None


def _first_of_connections() -> int:
    try:
        first = int(OF_CONNECTIONS.read_text().split()[0])
    except FileNotFoundError:  # not Linux
        return FIRST_OF_CONNECTIONS
    return first if first > LOWEST else FIRST_OF_CONNECTIONS


if __name__ == "__main__":
    sys.stdout.write(f"{free_port()}\n")
