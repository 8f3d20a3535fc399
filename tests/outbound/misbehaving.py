"""An API that does everything wrong that can be done wrong, on a real socket."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _bomb() -> bytes:
    return gzip.compress(bytes(64 << 20))


class Connection(Protocol):
    """Reads whole requests, and answers each by what its path names."""

    factory: Any

    def connectionMade(self) -> None:
        self._buffer = b""
        self.factory.open += 1

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.closed()

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines[1:])}
        size = int(headers.get("content-length", 0))
        if len(rest) < size:
            return
        self._buffer = rest[size:]
        method, path, _ = lines[0].split(" ", 2)
        self.factory.requests.append((method, path, headers, rest[:size]))
        self.factory.counts[path] += 1
        self.factory.look()
        getattr(self, "do_" + path.strip("/").partition("?")[0].replace("-", "_"))()

    def _send(self, data: bytes, close: bool = False) -> None:
        assert self.transport is not None
        self.transport.write(data)
        if close:
            self.transport.loseConnection()

    def do_fine(self) -> None:
        self._send(answer(b"fine"))

    def do_silent(self) -> None:
        pass

    def do_stalls_in_head(self) -> None:
        self._send(b"HTTP/1.1 200 OK\r\nContent-Le")

    def do_stalls_in_body(self) -> None:
        self._send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    def do_drips(self) -> None:
        self._send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        dripping = LoopingCall(self._send, b".")
        dripping.clock = self.factory.reactor
        self.factory.dripping.append(dripping)
        dripping.start(0.02)

    def do_promises_too_much(self) -> None:
        self._send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", close=True)

    def do_cut_in_chunks(self) -> None:
        self._send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", close=True)

    def do_closes(self) -> None:
        self._send(b"", close=True)

    def do_no_http(self) -> None:
        self._send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", close=True)

    def do_large(self) -> None:
        self._send(answer(bytes(1 << 20)))

    def do_bomb(self) -> None:
        self._send(answer(_bomb(), "Content-Encoding: gzip"))

    def do_broken_gzip(self) -> None:
        self._send(answer(b"this is not gzip", "Content-Encoding: gzip"))

    def do_half_gzip(self) -> None:
        whole = gzip.compress(b"words " * 1000)
        self._send(answer(whole[: len(whole) // 2], "Content-Encoding: gzip"))

    def do_gzip(self) -> None:
        self._send(answer(gzip.compress(b"words"), "Content-Encoding: gzip"))

    def do_to_private(self) -> None:
        self._send(answer(b"", "Location: http://10.0.0.1/", status="302 Found"))

    def do_in_circles(self) -> None:
        self._send(answer(b"", "Location: /in-circles", status="302 Found"))

    def do_moved(self) -> None:
        self._send(answer(b"there", "Location: /fine", status="302 Found"))

    def do_moved_oddly(self) -> None:
        self._send(answer(b"", "Location: http://[::1", status="302 Found"))

    def do_moved_in_old_style(self) -> None:
        self._send(b"HTTP/1.0 302 Found\r\nLocation: /fine\r\n\r\nthere", close=True)

    def do_slows_down_once(self) -> None:
        slow = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        first = self.factory.counts["/slows-down-once"] == 1
        self._send(answer(slow, status="503 Slow Down") if first else answer(b"<Fine/>"))

    def do_fails_twice(self) -> None:
        third = self.factory.counts["/fails-twice"] > 2
        self._send(answer(b"", status="200 OK" if third else "503 Service Unavailable"))

    def do_fails(self) -> None:
        self._send(answer(b"down", status="503 Service Unavailable"))

    def do_limited_once(self) -> None:
        if self.factory.counts["/limited-once"] > 1:
            self._send(answer(b"at last"))
        else:
            self._send(answer(b"", "Retry-After: 1", status="429 Too Many Requests"))

    def do_limited(self) -> None:
        self._send(answer(b"", "Retry-After: 3600", status="429 Too Many Requests"))

    def do_missing(self) -> None:
        self._send(answer(b"no", status="404 Not Found"))


class Misbehaving(Factory):
    """Listens, notes what it was asked, and says when nothing of it is open any more."""

    protocol = Connection

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.open = 0
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.counts: Counter[str] = Counter()
        self.dripping: list[LoopingCall] = []
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []
        self._port = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"

    def closed(self) -> None:
        self.open -= 1
        self.look()

    def look(self) -> None:
        for holds, waiting in list(self._waiting):
            if holds() and not waiting.called:
                waiting.callback(None)

    def all_closed(self) -> Deferred[None]:
        return self._when(lambda: self.open == 0)

    def asked(self, path: str, times: int = 1) -> Deferred[None]:
        return self._when(lambda: self.counts[path] >= times)

    def _when(self, holds: Callable[[], bool]) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self._waiting.append((holds, waiting))
        self.look()
        return waiting.addTimeout(10, self.reactor)

    async def stop(self) -> None:
        for dripping in self.dripping:
            dripping.stop()
        await self._port.stopListening()
