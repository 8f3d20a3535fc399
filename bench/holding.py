"""Holds many connections: ``python -m bench.holding URL COUNT SOURCE BODY [ACCEPT [RATE]]``.

Each connection comes from SOURCE (a loopback address, so that ports do not run out), posts BODY (or gets), and reads
heartbeats until the envelope is whole. A line on standard input is a question: how many are connected, committed,
done, cut, and how many heartbeats were read; the answer is one JSON object a line. The end of standard input ends it.
"""

from __future__ import annotations

import errno
import json
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

AT_ONCE = 200  # connections that are being made
RATE = 1000.0  # connections begun in a second, at most, if nothing else is said
_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT: else bind() looks through all ports in TIME_WAIT


@dataclass
class Counts:
    connected: int = 0
    committed: int = 0
    done: int = 0
    cut: int = 0
    refused: int = 0
    beats: int = 0
    last_done: float = 0.0


class Held:
    """One connection."""

    __slots__ = ("committed", "socket", "tail")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.committed = False
        self.tail = b""


class Holder:
    def __init__(self, url: str, source: str, body: str, accept: str = "*/*") -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._source = source
        data = body.encode()
        method = "POST" if data else "GET"
        self._request = (
            f"{method} {parts.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Accept: {accept}\r\nContent-Length: {len(data)}\r\n\r\n"
        ).encode() + data
        self._selector = selectors.EpollSelector()
        self.counts = Counts()
        self._connecting = 0

    def run(self, count: int, rate: float = RATE) -> None:
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        left, begun = count, time.monotonic()
        while True:
            due = (time.monotonic() - begun) * rate
            while left and self._connecting < AT_ONCE and count - left < due:
                self._connect()
                left -= 1
            for key, _ in self._selector.select(0.005 if left else 1):
                if key.fileobj is sys.stdin:
                    if not sys.stdin.readline():
                        return
                    sys.stdout.write(json.dumps(asdict(self.counts)) + "\n")
                    sys.stdout.flush()
                elif key.data is None:
                    self._made(key.fileobj)
                else:
                    self._read(key.data)

    def _connect(self) -> None:
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
        made.bind((self._source, 0))
        if made.connect_ex(self._address) not in (0, errno.EINPROGRESS):
            self.counts.refused += 1
            made.close()
            return
        self._connecting += 1
        self._selector.register(made, selectors.EVENT_WRITE)

    def _made(self, made: socket.socket) -> None:
        self._connecting -= 1
        if made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.counts.refused += 1
            self._selector.unregister(made)
            made.close()
            return
        self.counts.connected += 1
        made.send(self._request)
        self._selector.modify(made, selectors.EVENT_READ, Held(made))

    def _read(self, held: Held) -> None:
        try:
            data = held.socket.recv(65536)
        except ConnectionError:
            data = b""
        counts = self.counts
        if not data:
            self._selector.unregister(held.socket)
            held.socket.close()
            whole = held.tail.rstrip().endswith((b"}", b"}\r\n0"))
            counts.done, counts.cut = counts.done + whole, counts.cut + (not whole)
            counts.last_done = time.time()
        elif not held.committed:
            held.committed = True
            counts.committed += 1
            held.tail = data[-64:]
        else:
            counts.beats += 1
            held.tail = data[-64:]


if __name__ == "__main__":
    url, count, source, body, *given = sys.argv[1:]
    Holder(url, source, body, *given[:1]).run(int(count), *map(float, given[1:]))
