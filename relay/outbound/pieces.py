"""A body in pieces, read no faster than they are taken."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss


async def pieces(response: Any, size: int) -> AsyncGenerator[bytes]:
    """The body in pieces of `size` bytes, the last one shorter; the API is read from no faster than they are taken.
    An empty body has no pieces. Ask for the response with ``unbuffered=True``."""
    reader = _Pieces(size)
    response.deliverBody(reader)
    try:
        while piece := await reader.next():
            yield piece
    finally:
        reader.close()


class _Pieces(Protocol):
    def __init__(self, size: int) -> None:
        self._size = size
        self._buffer = bytearray()
        self._reason: Failure | None = None
        self._waiting: Deferred[None] | None = None

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= self._size:
            self.transport.pauseProducing()  # type: ignore[union-attr]
            self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._reason = reason
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def next(self) -> bytes:
        while len(self._buffer) < self._size and self._reason is None:
            self._waiting = Deferred()
            self.transport.resumeProducing()  # type: ignore[union-attr]
            if self._waiting is not None:
                await self._waiting
        if self._reason is not None and not self._reason.check(ResponseDone, PotentialDataLoss):
            self._reason.raiseException()
        with memoryview(self._buffer) as view:  # a slice of the buffer would be copied twice
            piece = bytes(view[: self._size])
        del self._buffer[: self._size]
        return piece

    def close(self) -> None:
        if self._reason is None:
            self.transport.loseConnection()  # type: ignore[union-attr]
