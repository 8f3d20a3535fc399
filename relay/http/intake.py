"""What comes from a client: parsed as far as there is room for it, kept until it is served, and otherwise not read."""

from __future__ import annotations

from random import random
from typing import Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from relay.http.connections import Connections
from relay.http.parser import RequestParser, Sink
from relay.net.outgoing import PATIENCE

REST = 0.25  # seconds, half to one and a half times, before more of a body in tiny chunks is read


class Source(Sink, Protocol):
    """The connection that bytes come from."""

    def advance(self) -> None:
        """Serve what waits, as far as it can be served now."""


@implementer(IPushProducer)
class Intake(RequestParser):
    """The incoming side of one connection; its transport tells it when the client does not read what it is sent."""

    __slots__ = ("_connections", "_paused_at", "_resting", "clogged", "ended", "paused")

    def __init__(self, connections: Connections, source: Source) -> None:
        super().__init__(source, connections.body_limit)
        self._connections = connections
        #: the client does not read what it is sent
        self.clogged = False
        self._resting = False  # we had much work with what came
        #: nothing is read
        self.paused = False
        self._paused_at = 0.0
        #: the client has closed its side
        self.ended = False

    def has_room(self) -> bool:
        return not (self.clogged or self._resting or (self.backlog and self.backlog.is_full()))

    def rest(self) -> None:
        self._resting = True
        self._connections.clock.callLater(REST * (0.5 + random()), self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._go_on_reading()

    def pauseProducing(self) -> None:
        self.clogged = True

    def resumeProducing(self) -> None:
        self.clogged = False
        self._go_on_reading()

    def _go_on_reading(self) -> None:
        if self._sink is not None:
            self.read()
            self._sink.advance()

    def stopProducing(self) -> None:
        """The connection is lost, of which it is told as well."""

    def regulate(self) -> None:
        """Read no more than can be kept, where something waits or nothing is read."""
        full = bool(self.unread) or not self.has_room()
        transport = None if self._sink is None else self._sink.transport
        if transport is None or full == self.paused or self.ended:
            return
        self.paused, self._paused_at = full, self._connections.now()
        if full:
            self._connections.paused.add(self._sink)
            transport.pauseProducing()
        else:
            self._connections.paused.discard(self._sink)
            transport.resumeProducing()

    def is_over(self) -> bool:
        """Whether the last request is being served, on a connection that ends."""
        return not (self.backlog or self.unread) and (self.ended or not self.reading)

    def is_stuck(self) -> bool:
        """Whether nothing was read for so long that it will not be noticed if the client goes."""
        return self.paused and self._connections.now() - self._paused_at > PATIENCE

    def discard(self) -> None:
        """Read on and discard: nothing of what comes is served."""
        self.stop()
        self.unread, self.paused = b"", False
        if self._sink is not None:
            self._connections.paused.discard(self._sink)
            self._sink.transport.resumeProducing()

    def let_go(self) -> None:
        """The connection is another's from now on, or is lost."""
        self.stop()
        self.unread, self.paused, self._sink = b"", False, None
