"""Bytes on their way to a client: how many, and whether they still move.

A client that reads slowly is served for as long as it takes; a client that reads nothing is disconnected.
"""

from __future__ import annotations

import fcntl
import math
import select
import struct
import termios
from collections.abc import Hashable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

PATIENCE = 15.0  # seconds without a byte that the client has taken
_GONE = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


def socket_of(transport: Any) -> Any:
    """The transport of the socket itself, below TLS and PROXY."""
    while hasattr(transport, "wrappedProtocol"):
        transport = transport.transport
    return transport


def unsent(transport: Any) -> int:
    """How many bytes the client has not acknowledged: those that wait here, and those in the kernel (SIOCOUTQ)."""
    below = socket_of(transport)
    try:
        (queued,) = struct.unpack("i", fcntl.ioctl(below.fileno(), termios.TIOCOUTQ, b"\0" * 4))
    except (AttributeError, OSError, ValueError):  # a transport without a socket, or one that is closed
        queued = 0
    return waiting(transport) + int(queued)


def waiting(transport: Any) -> int:
    """How many bytes wait here for room in the kernel."""
    below = socket_of(transport)
    return below.waiting() if hasattr(below, "waiting") else _buffered(below)


def _buffered(transport: Any) -> int:
    """In the buffers of one of Twisted's transports."""
    before = len(getattr(transport, "dataBuffer", b"")) - int(getattr(transport, "offset", 0))
    return before + int(getattr(transport, "_tempDataLen", 0))


def has_gone(transport: Any) -> bool:
    """Whether the client has closed its side. For a transport that reads nothing now, and so would not notice."""
    try:
        poll = select.poll()
        poll.register(socket_of(transport).fileno(), _GONE)
        return any(events & _GONE for _, events in poll.poll(0))
    except (AttributeError, OSError, ValueError):
        return False


class Progress:
    """Whether the bytes that wait for a client become fewer."""

    __slots__ = ("_is_told", "left")

    def __init__(self) -> None:
        #: bytes, at the last look
        self.left: float = math.inf
        self._is_told = False  # to close

    def goes_on(self, transport: Any) -> bool:
        """Whether some are left, and fewer than last time."""
        before, self.left = self.left, unsent(transport)
        return 0 < self.left < before

    def goes_on_or_ends(self, transport: Any) -> None:
        """End a connection on which nothing goes on: cut it where something is left, or where it was told to close and
        still waits for the other side, as TLS does. Else close it."""
        if self.goes_on(transport):
            return
        if self.left or self._is_told:
            transport.abortConnection()
        else:
            self._is_told = True
            transport.loseConnection()


class Parting:
    """Connections whose last answer is on its way out."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._all: dict[Hashable, tuple[Any, Progress, float]] = {}  # transport, progress, when to look
        self._over: Deferred[None] | None = None

    def add(self, waits: Hashable, transport: Any) -> None:
        """Until it is discarded, which may be at once."""
        self._all[waits] = transport, Progress(), self._clock.seconds() + PATIENCE

    def discard(self, waits: Hashable) -> None:
        """Its connection has closed."""
        self._all.pop(waits, None)
        if not self._all and self._over is not None:
            over, self._over = self._over, None
            over.callback(None)

    def over(self) -> Deferred[None]:
        """Fires when all connections have closed."""
        if not self._all:
            return succeed(None)
        self._over = self._over or Deferred()
        return self._over

    def look(self) -> None:
        """Cut connections whose client reads nothing, or has read everything and does not close."""
        now = self._clock.seconds()
        for waits, (transport, progress, due) in list(self._all.items()):
            if due <= now:
                self._all[waits] = transport, progress, now + PATIENCE
                progress.goes_on_or_ends(transport)
