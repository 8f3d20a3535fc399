"""Lingering close (RFC 9112, 9.6): the response is out; read and discard what the client still sends.

If a connection closes while the client still sends, the kernel answers with a reset, and the reset discards the
response on its way.
"""

from __future__ import annotations

from relay.http.connections import Connections
from relay.http.watched import Watched

LINGER_TIME = 5.0  # seconds for a client to close, once it has its response
LINGER_BYTES = 16 << 20


class Lingering(Watched):
    """Discards what comes from a client. Its end is noticed, because what comes is read."""

    __slots__ = ("_left",)

    def __init__(self, connections: Connections, address: str) -> None:
        super().__init__(connections, address)
        self._left = LINGER_BYTES
        self.deadline = connections.now() + LINGER_TIME
        connections.add(self)

    def connectionMade(self) -> None:
        half_close = getattr(self.transport, "loseWriteConnection", None)
        if half_close is not None:
            half_close()

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.abortConnection()
