"""The parts of a stack; a test can kill each and start it again."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from paytrust.localstack import embedded, processes, stack
from paytrust.localstack.stack import Stack
from tests.faults.proxy import Proxy

PROGRAMS: Final = ("web", "worker", "deliveries", "beat", "sandbox")
SERVERS: Final = ("postgres", "valkey")
CUTS: Final = ("postgres, cut", "valkey, cut", "postgres, silent", "valkey, silent")
HARMS: Final = (*PROGRAMS, *SERVERS, *CUTS)


@dataclass
class Targets:
    """A running stack whose servers are reached through proxies."""

    stack: Stack
    environment: dict[str, str]
    database_url: str  # past the proxy, for the judge
    proxies: dict[str, Proxy]
    running: dict[str, psutil.Process]
    ended_by_themselves: list[str] = field(default_factory=list)
    starts: int = 0

    def harm(self, name: str) -> None:
        """Kill a part, or cut the network before it."""
        server, _, how = name.partition(", ")
        if how:
            self.proxies[server].cut(silently=how == "silent")
        elif name == "postgres":
            _end(_postgres(self.stack.state), signal.SIGQUIT)  # its "immediate"
        elif name == "valkey":
            _end(_valkey(self.stack.state), signal.SIGKILL)
        else:
            _kill_group(self.running.pop(name))

    def repair(self, name: str) -> None:
        """Start a part again, or mend the network."""
        server, _, how = name.partition(", ")
        if how:
            self.proxies[server].mend()
        elif name in SERVERS:
            embedded.start(self.stack.state)
        else:
            self._spawn(name)

    def tend(self) -> None:
        """Start again what ended by itself, as a supervisor does, and remember that it did."""
        for name in [name for name, process in self.running.items() if not _lives(process)]:
            self.ended_by_themselves.append(name)
            _kill_group(self.running.pop(name))
            self._spawn(name)

    def tend_for(self, seconds: float) -> None:
        """Tend them so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.tend()
            time.sleep(0.2)

    def _spawn(self, name: str) -> None:
        self.starts += 1
        self.running[name] = processes.spawn(
            stack.commands(self.stack)[name],
            log=self.stack.logs / f"{name}-{self.starts}.log",
            environment=self.environment,
        )
        processes.record(self.stack.record, self.running)


@contextmanager
def started(here: Stack) -> Iterator[Targets]:
    """Start a stack with empty data; stop it at the end."""
    here.state.mkdir(mode=0o711, parents=True, exist_ok=True)
    stack.reset(here)
    here.state.mkdir(mode=0o711, parents=True, exist_ok=True)
    with ExitStack() as ends:
        ends.callback(stack.down, here)
        servers = embedded.start(here.state)
        postgres, valkey = urlsplit(servers.database_url), urlsplit(servers.redis_url)
        proxies = {
            name: ends.enter_context(Proxy(url.port or 0))
            for name, url in (("postgres", postgres), ("valkey", valkey))
        }
        os.environ |= {
            "DATABASE_URL": _through(servers.application_url, proxies["postgres"]),
            "DATABASE_MERCHANT_URL": _through(servers.merchant_url, proxies["postgres"]),
            "DATABASE_OWNER_URL": servers.database_url,  # for migrations
            "REDIS_URL": _through(servers.redis_url, proxies["valkey"]),
            "RATE_LIMIT_REQUESTS": "1000000000",  # one merchant is all of the load
        }
        stack.up(here)
        environment = stack.environment_of(here)
        del environment["DATABASE_OWNER_URL"]  # no process that serves knows it
        yield Targets(
            stack=here,
            environment=environment,
            database_url=servers.database_url,
            proxies=proxies,
            running=processes.recorded(here.record),
        )


def _through(url: str, proxy: Proxy) -> str:
    targets = urlsplit(url)
    netloc = targets.netloc.rpartition(":")[0]
    return targets._replace(netloc=f"{netloc}:{proxy.port}").geturl()


def _postgres(state: Path) -> psutil.Process | None:
    known = embedded._remembered(state)
    data = Path(known.postgres_home if known else "") / "data"
    return embedded._running(data / "postmaster.pid", data)


def _valkey(state: Path) -> psutil.Process | None:
    return embedded._running(state / "valkey" / "valkey.pid", state / "valkey")


def _end(process: psutil.Process | None, how: signal.Signals) -> None:
    if process is None:
        raise RuntimeError("the server that is to be killed does not run")
    everyone = [process, *process.children(recursive=True)]
    process.send_signal(how)
    embedded.still_running(everyone, seconds=10)


def _kill_group(process: psutil.Process) -> None:
    """Kill a program with all its children; each program leads a group of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    embedded.still_running([process], seconds=10)


def _lives(process: psutil.Process) -> bool:
    return bool(embedded.still_running([process], seconds=0))


def wait_until(is_so: Callable[[], bool], *, seconds: float, pause: float = 0.2) -> bool:
    """Wait for something; tell whether it came."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
