"""The sandbox's own web server: one process with many threads."""

import socket
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import resolve
from gunicorn.app.base import BaseApplication

from gateways.sandbox import simulator

THREADS = 100  # a call without an answer holds one
KEEPALIVE_SECONDS = 75
BACKLOG = 1024


class PortTaken(Exception):
    """Another program listens on that address."""


def listen(host: str, port: int) -> socket.socket:
    """Take the port now, so that a second sandbox ends at once with a clear message.

    Raises:
        PortTaken: another program has it already.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.listen(BACKLOG)
    return listener


class SandboxServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Serves only the sandbox's URLs: no middleware, no sessions, no database."""

    def __init__(self, options: simulator.Options, listener: socket.socket) -> None:
        self._options, self._listener = options, listener
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            "bind": f"fd://{self._listener.fileno()}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "keepalive": KEEPALIVE_SECONDS,
            "timeout": 0,
            "graceful_timeout": 0,
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "paytrust-sandbox",
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        settings.ROOT_URLCONF = "gateways.sandbox.urls"
        settings.MIDDLEWARE = []
        settings.ALLOWED_HOSTS = ["*"]
        simulator.start(self._options)
        resolve("/healthz")  # loads every view now, not at the first call
        return WSGIHandler()
