"""A network that a test can cut: connections to a server on this machine go through it."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Final

CHUNK: Final = 65_536  # bytes


class Proxy:
    """Listens on a port of its own and passes on what it hears, until it is cut.

    Use it as a context manager.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self._refuses = False
        self.port = 0

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._server, self._gate = self._do(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    def cut(self, *, silently: bool) -> None:
        """Break the network: every connection at once, or by passing nothing on any more."""
        self._do(self._cut(silently=silently))

    def mend(self) -> None:
        """Let new connections through; those that were silent are broken, as after a long cut."""
        self._do(self._mend())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self) -> tuple[asyncio.Server, asyncio.Event]:
        gate = asyncio.Event()
        gate.set()
        return await asyncio.start_server(self._pass_on, "127.0.0.1", 0, backlog=512), gate

    async def _end(self) -> None:
        self._server.close()
        self._abort_all()
        self._gate.set()
        await asyncio.sleep(0.05)

    async def _cut(self, *, silently: bool) -> None:
        if silently:
            self._gate.clear()
            return
        self._refuses = True
        self._abort_all()

    async def _mend(self) -> None:
        self._refuses = False
        self._abort_all()
        self._gate.set()

    def _abort_all(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._refuses:
                return
            await self._gate.wait()
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(server)
            try:
                await asyncio.gather(self._pump(reader, server), self._pump(answers, writer))
            finally:
                self._open.discard(server)
                server.transport.abort()
        except (OSError, asyncio.CancelledError):
            return
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Pass bytes on until one side ends; then end the other."""
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK):
                await self._gate.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
