"""A server on a real socket that sends what it is told to for as long as it is read from, up to a bound."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

STALL = b"(stall)"  # nothing more comes, and the connection stays open
MOST = 32 << 20  # bytes of one answer
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = OK + b"Content-Encoding: gzip\r\n\r\n"


def bomb(mebibytes: int) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(mebibytes)) + squeeze.flush()


@implementer(IPullProducer)
class Sending(Protocol):
    """Answers one request, and notes what it was asked."""

    factory: Any

    def connectionMade(self) -> None:
        self._asked = b""
        self._pieces: Iterator[bytes] = iter(())
        self.factory.open += 1
        self.factory.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        self._asked += data
        self.factory.received += len(data)
        if b"\r\n\r\n" in self._asked:
            self.factory.by.append(self.factory.connections.index(self))
            self.factory.asked.append(self._asked.decode("latin-1"))
            self._asked = b""
            self._pieces = iter(self.factory.answers.pop(0))
            self.transport.registerProducer(self, False)  # type: ignore[union-attr]

    def resumeProducing(self) -> None:
        piece = next(self._pieces, b"") if self.factory.sent < MOST else b""
        self.factory.sent += len(piece)
        if piece == STALL:
            self.transport.unregisterProducer()  # type: ignore[union-attr]
        elif piece:
            self.transport.write(piece)  # type: ignore[union-attr]
        else:
            self.transport.unregisterProducer()  # type: ignore[union-attr]
            self.transport.loseConnection()  # type: ignore[union-attr]

    def stopProducing(self) -> None:
        self._pieces = iter(())

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.closed()


class Hostile(Factory):
    """Gives each of its answers once."""

    protocol = Sending

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.answers: list[Iterable[bytes]] = []
        self.asked: list[str] = []
        self.by: list[int] = []  # which connection each request came by, the first being 0
        self.connections: list[Sending] = []
        self.open = self.sent = self.received = 0
        self._over: list[Deferred[None]] = []
        self._port = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.host = f"127.0.0.1:{self._port.getHost().port}"
        self.url = f"http://{self.host}"

    def answer(self, *pieces: bytes, then: bytes = b"") -> str:
        """The next answer: pieces, and after them one again and again. The URL to ask."""
        self.answers.append(chain(pieces, repeat(then) if then else ()))
        return self.url + "/asked"

    def headers(self, nth: int) -> dict[str, str]:
        """Of a request."""
        lines = self.asked[nth].split("\r\n")[1:-2]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def closed(self) -> None:
        self.open -= 1
        over, self._over = (self._over, []) if not self.open else ([], self._over)
        for waiting in over:
            waiting.callback(None)

    async def all_closed(self) -> None:
        if self.open:
            waiting: Deferred[None] = Deferred()
            self._over.append(waiting)
            await waiting.addTimeout(10, self.reactor)

    async def stop(self) -> None:
        await self._port.stopListening()
        await self.all_closed()


def packed(text: bytes) -> bytes:
    return gzip.compress(text)
