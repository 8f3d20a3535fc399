"""Connections to a target, byte by byte, without anything in between that would hide when they come.

All sockets are served by one loop without threads (`converse`).
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence

from relay.doctor.heard import Heard
from relay.doctor.target import Target

CONNECT = 5.0  # seconds for a connection
_SIZE = 65536
_TICK = 0.25  # seconds between calls of `tick`


class Line:
    """A connection to a target. `protocols` are offered in the handshake of TLS; `verify` says that the certificate has
    to be that of the host. Raises `OSError`."""

    def __init__(self, target: Target, verify: bool = True, protocols: Sequence[str] = ("http/1.1",)) -> None:
        self.socket = socket.create_connection((target.host, target.port), CONNECT)
        if target.scheme == "https":
            context = ssl.create_default_context()
            if not verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(list(protocols))
            try:
                self.socket = context.wrap_socket(self.socket, server_hostname=target.host)
            except OSError:
                self.socket.close()
                raise
        self.socket.setblocking(False)

    def close(self) -> None:
        self.socket.close()


class Conversation:
    """One request on a line, and what is heard of it. `later` is sent once the answer's first bytes are there
    (``Expect: 100-continue``).

    `ended`: "" as long as the line stands, ``closed``, or why it broke · `ended_at`: when, in seconds from the request
    on · `taken`: how many bytes of the request went out.
    """

    def __init__(self, line: Line, request: bytes, later: bytes = b"") -> None:
        self.line = line
        self.heard = Heard()
        self.ended = ""
        self.ended_at = 0.0
        self.taken = 0
        self._began = time.monotonic()
        self._unsent = memoryview(request)
        self._later = later

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be heard."""
        return bool(self.ended or self.heard.complete or self.heard.broken)

    @property
    def is_cut(self) -> bool:
        """Whether the line ended before the answer did."""
        return bool(self.ended) and not self.heard.complete and not self._ends_with_line

    @property
    def _ends_with_line(self) -> bool:
        """Whether the answer's end is that of the line."""
        heard = self.heard
        framed = heard.header("Transfer-Encoding") or heard.header("Content-Length")
        return bool(heard.status and not framed and heard.json())

    def seconds(self) -> float:
        """Since the request."""
        return time.monotonic() - self._began

    def events(self) -> int:
        """What to wait for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)

    def serve(self) -> None:
        """Send and read what can be."""
        try:
            self._read()
            self._send()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except OSError as error:
            self._end(error.strerror or str(error))

    def send_later(self) -> None:
        """Wait no more for the other side to ask for the rest."""
        self._unsent = memoryview(bytes(self._unsent) + self._later)
        self._later = b""

    def _read(self) -> None:
        try:
            while not self.is_over:
                data = self.line.socket.recv(_SIZE)
                if not data:
                    self._end("closed")
                    return
                self.heard.feed(data, self.seconds())
                if self._later and self.heard.interim:
                    self.send_later()
        except (ssl.SSLWantReadError, BlockingIOError):
            pass

    def _send(self) -> None:
        while self._unsent and not self.is_over:
            try:
                sent = self.line.socket.send(self._unsent[:_SIZE])
            except (BrokenPipeError, ConnectionResetError):  # it may have been answered nevertheless
                self._unsent = memoryview(b"")
                self._read()
                raise
            self.taken += sent
            self._unsent = self._unsent[sent:]

    def _end(self, why: str) -> None:
        self.ended, self.ended_at = why, self.seconds()


def converse(
    talks: Sequence[Conversation], seconds: float, tick: Callable[[float], None] = lambda passed: None
) -> None:
    """Go on with all of them until each is over, or so many seconds have passed. `tick` is told how many have."""
    began = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for talk in talks:
            selector.register(talk.line.socket, talk.events(), talk)
            talk.serve()
        while any(not talk.is_over for talk in talks):
            passed = time.monotonic() - began
            tick(min(passed, seconds))
            if passed >= seconds:
                return
            for key, _ in selector.select(min(_TICK, seconds - passed)):
                key.data.serve()
            for talk in talks:
                if talk.is_over:
                    _forget(selector, talk)
                else:
                    selector.modify(talk.line.socket, talk.events(), talk)


def _forget(selector: selectors.BaseSelector, talk: Conversation) -> None:
    if talk.line.socket in selector.get_map():
        selector.unregister(talk.line.socket)
