"""Listens to what jobs put out, over many connections: ``python -m bench.listening URL SOURCE BODY timed|counted``.

Each connection comes from SOURCE (a loopback address), posts BODY (or gets), and is told events. The pieces of the job
are the times at which they were put out, so ``timed`` connections know how late each is; the others count them. A line
on standard input is a number: that many more connections are made. The answer is one JSON object a line: how many are
connected and have their end, how many pieces were told, missing, or told twice, and the latest of them, in seconds by
share. The end of standard input ends it.
"""

from __future__ import annotations

import functools
import json
import re
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT: else bind() looks through all ports in TIME_WAIT
_PIECE = re.compile(rb'id: \d+\.\d+\.(\d+)\.\d+-\w+\ndata: \{"attempt":1,"data":([0-9.]+)\}\n\n')
_END = b"event: succeeded\n"
SHARES = (0.5, 0.99, 0.999, 1.0)


class Block(NamedTuple):
    """Some whole events: the numbers of their pieces, when these were put out, whether the end is among them."""

    numbers: tuple[int, ...]
    times: tuple[float, ...]
    is_end: bool


@functools.lru_cache(2048)
def read(data: bytes) -> Block:
    """Of events. Those who listen to one job are told the same bytes, so they are read once for all."""
    found = _PIECE.findall(data)
    return Block(tuple(int(number) for number, _ in found), tuple(float(at) for _, at in found), _END in data)


@dataclass
class Told:
    connected: int = 0
    ended: int = 0
    cut: int = 0
    pieces: int = 0
    missing: int = 0
    twice: int = 0
    late: list[float] = field(default_factory=list)


class Listener:
    """One connection. `last` is the number of the last piece that it was told."""

    __slots__ = ("has_end", "last", "socket", "unread")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.unread = b""
        self.last = 0
        self.has_end = False


class Crowd:
    """All connections of this process."""

    def __init__(self, url: str, source: str, body: str, is_timed: bool) -> None:
        parts = urlsplit(url)
        self._address, self._source, self._is_timed = (parts.hostname, parts.port), source, is_timed
        data = body.encode()
        lines = [f"{'POST' if data else 'GET'} {parts.path} HTTP/1.1", "Host: localhost"]
        lines += ["Accept: text/event-stream", f"Content-Length: {len(data)}", "", ""]
        self._request = "\r\n".join(lines).encode() + data
        self._selector = selectors.EpollSelector()
        self._told = Told()

    def run(self) -> None:
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._hear(key.data)
                elif not self._obey(sys.stdin.readline()):
                    return

    def _obey(self, line: str) -> bool:
        for _ in range(int(line or 0)):
            self._connect()
        late = sorted(self._told.late)
        shares = [late[min(len(late) - 1, int(len(late) * share))] for share in SHARES] if late else []
        sys.stdout.write(json.dumps({**asdict(self._told), "late": shares}) + "\n")
        sys.stdout.flush()
        return bool(line)

    def _connect(self) -> None:
        made = socket.socket()
        made.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
        made.bind((self._source, 0))
        made.connect(self._address)
        made.sendall(self._request)
        made.setblocking(False)
        self._told.connected += 1
        self._selector.register(made, selectors.EVENT_READ, Listener(made))

    def _hear(self, listener: Listener) -> None:
        try:
            data = listener.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        now = time.time()
        if not data:
            self._selector.unregister(listener.socket)
            listener.socket.close()
            self._told.cut += not listener.has_end
            return
        whole, end, listener.unread = (listener.unread + data).rpartition(b"\n\n")
        if end:
            self._take(listener, read(whole + end), now)

    def _take(self, listener: Listener, block: Block, now: float) -> None:
        told = self._told
        for number in block.numbers:
            told.twice += number <= listener.last
            told.missing += max(0, number - listener.last - 1)
            listener.last = max(listener.last, number)
        told.pieces += len(block.numbers)
        if self._is_timed:
            told.late += [now - at for at in block.times]
        if block.is_end:
            listener.has_end = True
            told.ended += 1


if __name__ == "__main__":
    url, source, body, kind = sys.argv[1:5]
    Crowd(url, source, body, kind == "timed").run()
