"""Whoever waits on a client's socket."""

from __future__ import annotations

from abc import ABC, abstractmethod

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IHalfCloseableProtocol)
class SocketOwner(ABC):
    """Whoever waits on a socket, and only writes to it."""

    __slots__ = ()

    def dataReceived(self, data: bytes) -> None:  # noqa: B027
        """Ignore what a client sends after its request: the connection closes with the answer."""

    def readConnectionLost(self) -> None:
        self.half_closed()

    def writeConnectionLost(self) -> None:  # noqa: B027
        """We have closed our side."""

    @abstractmethod
    def half_closed(self) -> None:
        """The client has closed its side; only writing shows whether it still reads."""

    @abstractmethod
    def connectionLost(self, reason: Failure | None = None) -> None:
        """The client has gone, or was told to."""
