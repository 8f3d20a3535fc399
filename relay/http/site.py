"""A site: makes the connections of a server, as long as there is room for more clients."""

from __future__ import annotations

from sys import intern
from typing import Any

from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory
from twisted.internet.protocol import Factory
from zope.interface import implementer

from relay.http.connection import ClientConnection
from relay.http.connections import Connections
from relay.http.doors import TurnedAway
from relay.http.forwarding import address_of
from relay.net.tls import PROTOCOL


@implementer(IProtocolNegotiationFactory)
class Site(Factory):
    """What Twisted's endpoints listen with."""

    noisy = False

    def __init__(self, connections: Connections) -> None:
        self.connections = connections

    def buildProtocol(self, addr: IAddress | None) -> Any:
        address = intern(address_of(addr))  # one text for all connections of a client
        if self.connections.doors.enter(address):
            return ClientConnection(self.connections, address)
        return TurnedAway()

    def acceptableProtocols(self) -> list[bytes]:
        return [PROTOCOL]

    def startFactory(self) -> None:
        self.connections.start()
