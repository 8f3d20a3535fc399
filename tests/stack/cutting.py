"""A proxy that cuts connections after any byte of a request or of its answer."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


@dataclass
class Cut:
    """Where the first connection to a port ends: after so many bytes of what the client sends, or of what it is
    answered; None: nowhere. Every other one ends by RST. Later connections are left alone."""

    request: int | None = None
    answer: int | None = None
    connections: int = 0
    requested: int = 0  # bytes that passed through the first connection
    answered: int = 0
    port: int = field(default=0)

    @property
    def is_reset(self) -> bool:
        return bool((self.request or self.answer or 0) % 2)


class CuttingProxy:
    """Listens on a port for each cut, and leads to one server. It has a thread of its own."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._passing: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def open(self, cut: Cut) -> None:
        """Listen for the connections of this cut, on its `port` from now on."""
        self._do(self._open(cut))

    def close(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _open(self, cut: Cut) -> None:
        server = await asyncio.start_server(lambda *pair: self._connected(cut, *pair), "127.0.0.1", 0)
        self._servers.append(server)
        cut.port = server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _connected(self, cut: Cut, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)
        cut.connections += 1
        is_first = cut.connections == 1
        with suppress(OSError):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
            sides = [
                asyncio.ensure_future(self._pass(reader, up_writer, cut, is_first, "requested", cut.request)),
                asyncio.ensure_future(self._pass(up_reader, writer, cut, is_first, "answered", cut.answer)),
            ]
            try:
                await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for side in sides:
                    side.cancel()
                for each in (writer, up_writer):
                    if is_first and cut.is_reset:
                        connected: socket.socket = each.get_extra_info("socket")
                        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    each.close()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cut: Cut,
        is_first: bool,
        counter: str,
        most: int | None,
    ) -> None:
        """Until its end, or `most` bytes of a first connection."""
        passed = 0
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if is_first and most is not None:
                    data = data[: most - passed]
                passed += len(data)
                if is_first:  # before whoever reads it can look
                    setattr(cut, counter, passed)
                writer.write(data)
                await writer.drain()
                if is_first and passed == most:
                    return
