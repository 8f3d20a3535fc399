"""The connections of a front: it makes them, watches their times, serves their requests and closes them."""

from __future__ import annotations

import typing
from sys import intern
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from zope.interface import implementer

from relay.errors import RelayError
from relay.front import answers
from relay.front.access import Access
from relay.front.answers import Answer
from relay.front.connection import Connection
from relay.front.doors import Doors, TurnedAway
from relay.front.hold import Hold
from relay.front.lingering import Lingering
from relay.front.proxies import address_of
from relay.front.request import PROTOCOL, Request
from relay.recurring import recurring

LOOK = 0.25  # seconds between looks at the deadlines of all connections

Served = Answer | Hold | Deferred[Answer | Hold]


class Pages(typing.Protocol):
    """What serves the addresses."""

    def serve(self, request: Request) -> Served:
        """What a request is served with."""


@implementer(IProtocolNegotiationFactory)
class Site(Factory):
    """Makes connections, and knows what their requests are checked against."""

    noisy = False
    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        pages: Pages,
        access: Access,
        body_limit: int,
        keepalive: float,
        prefix: str,
        doors: Doors,
    ) -> None:
        self.clock = clock
        self.now = clock.seconds
        self.body_limit = body_limit
        self.keepalive = keepalive
        self.prefix = prefix
        self._pages = pages
        self._access = access
        #: counts who is connected
        self.doors = doors
        self.connections: set[Connection | Lingering] = set()
        #: fires when the last connection has closed, once `close` was called
        self.closing: Deferred[None] | None = None
        self._looking = recurring(clock, self._look)

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        address = intern(address_of(addr))  # one text for all connections of a client
        return Connection(self, address) if self.doors.enter(address) else TurnedAway()

    def acceptableProtocols(self) -> list[bytes]:
        return [PROTOCOL]

    def startFactory(self) -> None:
        if not self._looking.running:
            self._looking.start(LOOK, now=False)

    def stop(self) -> None:
        """Watch no more."""
        if self._looking.running:
            self._looking.stop()

    def serve(self, request: Request) -> Served:
        """Check a request, and find out what it is served with."""
        try:
            self._access.check(request)
        except RelayError as error:
            return answers.problem(error, self.prefix)
        return self._pages.serve(request)

    def forget(self, connection: Any) -> None:
        """A connection has closed, or was taken over."""
        self.connections.discard(connection)
        if not self.connections and self.closing is not None and not self.closing.called:
            self.closing.callback(None)

    def close(self) -> Deferred[None]:
        """Close every connection as soon as its answer is out, or that of one more request; fires when all have."""
        self.closing = Deferred()
        for connection in list(self.connections):
            connection.close_when_idle()
        if not self.connections and not self.closing.called:
            self.closing.callback(None)
        return self.closing

    def _look(self) -> None:
        now = self.now()
        for connection in list(self.connections):
            try:
                connection.look()
                if 0 < connection.deadline <= now:
                    connection.on_deadline()
            except Exception:  # the others have deadlines, too
                self._log.failure("the time limit of a connection could not be enforced")
