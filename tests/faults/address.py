"""An address of Redis that stays while the server behind it changes: a unix socket that passes bytes on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path


class Address:
    """Passes bytes between ``path`` and the server's own socket, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.target = ""
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self, target: str) -> None:
        self.target = target
        self._thread.start()
        self._do(self._listen())

    async def _listen(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    def move(self, target: str, cut: bool) -> None:
        """Later connections go to another server; present ones are cut, or stay where they are."""
        self.target = target
        if cut:
            self._do(self._cut())

    async def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def stop(self) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        await self._cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _do(self, coroutine: object) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)  # type: ignore[arg-type]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_unix_connection(self.target)
        except OSError:
            writer.transport.abort()
            return
        both = ((reader, server[1]), (server[0], writer))
        self._open |= {writer, server[1]}
        tasks = [asyncio.ensure_future(_pass_on(*way)) for way in both]
        self._tasks |= set(tasks)
        await asyncio.gather(*tasks)
        self._tasks -= set(tasks)
        self._open -= {writer, server[1]}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
