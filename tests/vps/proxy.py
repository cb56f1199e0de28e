"""A TCP proxy on the loopback interface that delays, counts, stalls and cuts.

It stands for a slow or failing network where the kernel can not simulate one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

_CHUNK: Final = 1 << 16
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_PATIENCE: Final = 10.0


@dataclass
class Traffic:
    """What went through a proxy."""

    connections: int = 0
    bytes_up: int = 0
    """From the client to the server."""
    bytes_down: int = 0
    turns: int = 0
    """How often the client spoke after the server had (or first). An upper bound of the round
    trips that the client waited for, as it need not have waited. The TCP handshake, which the
    proxy can not delay, is not in it."""


@dataclass(eq=False)
class _Link:
    """One client's connection and the one to the server that belongs to it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    client_spoke_last: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        """Close both sides with RST."""
        for task in self.tasks:
            task.cancel()
        for writer in (self.client, self.server):
            peer: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


class DelayingProxy:
    """Forwards connections to (host, port) from a port of its own.

        with DelayingProxy(vps.host, vps.port, delay_ms=50) as proxy:
            connect(proxy.host, proxy.port)   # every round trip takes 100 ms longer
            proxy.cut()

    Args:
        delay_ms: How long each byte is under way, each way, in milliseconds.
    """

    host: Final = "127.0.0.1"

    def __init__(self, host: str, port: int, *, delay_ms: float = 0) -> None:
        self.delay_ms = delay_ms
        self.traffic = Traffic()
        self.port = 0
        self._target = (host, port)
        self._links: set[_Link] = set()
        self._opening: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._left: int | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def cut(self) -> None:
        """Reset every connection, on both sides. New ones are accepted."""
        self._do(self._reset_all())

    def blackhole(self) -> None:
        """Forward nothing any more, and close nothing. New connections are accepted, silently.

        The kernel goes on to acknowledge what the proxy received: only time-outs of the
        application notice. Vps.blackhole drops packets.
        """
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def cut_after(self, size: int) -> None:
        """Close every connection once so many more bytes have arrived at a client."""
        self._loop.call_soon_threadsafe(setattr, self, "_left", size)

    def heal(self) -> None:
        """Undo a blackhole; what was held back arrives."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def close(self) -> None:
        """Reset every connection and refuse new ones; may be called more than once."""
        if not self._thread.is_alive():
            return
        self._do(self._shut_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def _do(self, action: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(action, self._loop).result(_PATIENCE)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut_down(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._reset_all()

    async def _reset_all(self) -> None:
        tasks = [*self._opening, *(task for link in self._links for task in link.tasks)]
        for opening in self._opening:
            opening.cancel()
        for link in self._links:
            link.reset()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        opening = asyncio.create_task(asyncio.open_connection(*self._target))
        self._opening.add(opening)
        try:
            answers, server = await opening
        except (OSError, asyncio.CancelledError):
            client.transport.abort()
            return
        finally:
            self._opening.discard(opening)
        self.traffic.connections += 1
        link = _Link(client, server)
        self._links.add(link)
        link.tasks = [*self._carry(link, reader, server), *self._carry(link, answers, client)]
        try:
            await asyncio.gather(*link.tasks)
        except (OSError, asyncio.CancelledError):
            # One side is gone: the other must not wait for it.
            link.reset()
        else:
            client.close()
            server.close()
        finally:
            self._links.discard(link)

    def _carry(
        self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> list[asyncio.Task[None]]:
        """Carry one direction until its end; what follows is under way at the same time."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        return [
            asyncio.create_task(self._receive(link, source, under_way, up=sink is link.server)),
            asyncio.create_task(self._deliver(link, under_way, sink)),
        ]

    async def _receive(
        self,
        link: _Link,
        source: asyncio.StreamReader,
        under_way: asyncio.Queue[tuple[float, bytes]],
        *,
        up: bool,
    ) -> None:
        data = b"not yet the end"
        while data:
            data = await source.read(_CHUNK)
            self._count(link, len(data), up=up)
            under_way.put_nowait((self._loop.time() + self.delay_ms / 1000, data))

    async def _deliver(
        self,
        link: _Link,
        under_way: asyncio.Queue[tuple[float, bytes]],
        sink: asyncio.StreamWriter,
    ) -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._flowing.wait()
            if not data:
                sink.write_eof()
                return
            if sink is link.client and self._left is not None:
                data, self._left = data[: self._left], self._left - len(data)
            sink.write(data)
            await sink.drain()
            if self._left is not None and self._left <= 0:
                self._left = None
                raise ConnectionAbortedError

    def _count(self, link: _Link, size: int, *, up: bool) -> None:
        if size == 0:
            return
        if up:
            self.traffic.bytes_up += size
            self.traffic.turns += not link.client_spoke_last
        else:
            self.traffic.bytes_down += size
        link.client_spoke_last = up
