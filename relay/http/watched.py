"""A connection whose times are watched, and which is counted as long as its client is there."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from relay.http.connections import Connections
from relay.net.outgoing import PATIENCE, Progress


@implementer(IProtocol)
class Watched:
    """Speaks to a client at `address`. It has slots, as each client has one."""

    __slots__ = ("__weakref__", "_connections", "_is_told", "_progress", "address", "deadline", "transport")

    def __init__(self, connections: Connections, address: str) -> None:
        self._connections = connections
        self.transport: Any = None  #: until it is connected, and once it is not any more
        #: of the client
        self.address = address
        self._progress: Progress | None = None  # of what the client is sent, since its deadline passed
        self._is_told = False  # to close
        #: by the clock; 0 for none
        self.deadline = 0.0

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """The client is there."""

    def dataReceived(self, data: bytes) -> None:
        """It has sent something."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._connections.forget(self)
        self._connections.doors.leave(self.address)

    def abortConnection(self) -> None:
        """Cut the connection."""
        if self.transport is not None:
            self.transport.abortConnection()

    def look(self) -> None:
        """Notice what no event tells while nothing is read."""

    def close_when_idle(self) -> None:
        """Close as soon as the response that is due is out."""

    def on_deadline(self) -> None:
        """The client took too long to ask, to read, or to close."""
        self._progress = self._progress or Progress()
        if self._progress.goes_on(self.transport):
            self.deadline = self._connections.now() + PATIENCE
        elif self.is_closing() or self._progress.left:
            self.abortConnection()
        else:
            self.close()

    def is_closing(self) -> bool:
        """Whether it was told to close, and waits for what is on its way, or for the other side, as TLS does."""
        return self._is_told

    def close(self) -> None:
        """Close once all that was written is out."""
        self._is_told = True
        self.deadline = self._connections.now() + PATIENCE
        if self.transport is not None:
            self.transport.loseConnection()
