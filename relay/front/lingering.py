"""Lingering close (RFC 9112, 9.6): the last answer goes out; what the client still sends is read and discarded, so that
the client gets to read the answer.

If a connection closes while the client still sends, the kernel answers with a reset, and the reset discards the answer
on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from relay.front.outgoing import PATIENCE, Progress

if TYPE_CHECKING:
    from relay.front.site import Site

LINGER_TIME = 5.0  # seconds for a client to close, once it has its answer
LINGER_BYTES = 16 << 20


class Lingering(Protocol):
    """Discards what comes from a client at `address`."""

    def __init__(self, site: Site, address: str) -> None:
        self._site = site
        self._address = address
        self._left = LINGER_BYTES
        self._progress = Progress()
        #: by the site's clock
        self.deadline = site.now() + LINGER_TIME
        site.connections.add(self)

    def connectionMade(self) -> None:
        half_close = getattr(self.transport, "loseWriteConnection", None)
        if half_close is not None:
            half_close()

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def look(self) -> None:
        """Nothing to do: the connection is read, so a client that goes is noticed."""

    def close_when_idle(self) -> None:
        """It is about to close."""

    def on_deadline(self) -> None:
        """The client has not closed yet: it reads slowly, or nothing, or has read everything."""
        self.deadline = self._site.now() + PATIENCE
        self._progress.goes_on_or_ends(self.transport)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._site.forget(self)
        self._site.doors.leave(self._address)
