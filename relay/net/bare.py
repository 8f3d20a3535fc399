"""Connections with nothing between the client's bytes and its socket, such as TLS: they are on a `ClientSocket`."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory

from relay.net.client_socket import ABORTED, ClientSocket
from relay.net.socket_owner import SocketOwner
from relay.net.unixport import UnixPort


def accept_bare(port: Any) -> None:
    """Have what a port accepts from now on be on a `ClientSocket`, where nothing stands in between."""
    if type(port) in (tcp.Port, UnixPort) and _is_plain(port.factory):
        port.transport = _accepted


def _is_plain(factory: Any) -> bool:
    """Whether the connections of a factory are not in TLS. A PROXY header is before the rest, and not around it."""
    while isinstance(factory, HAProxyWrappingFactory):
        factory = factory.wrappedFactory
    return not isinstance(factory, TLSMemoryBIOFactory)


def _accepted(
    connected: socket.socket, protocol: Any, client: Any, port: Any, number: int, reactor: Any
) -> ClientSocket:
    return ClientSocket(reactor, connected, protocol)


def is_bare(transport: Any) -> bool:
    """Whether there is nothing between the client's bytes and the socket, so that this could be given away."""
    return isinstance(_below_proxy(transport), ClientSocket)


def bare(transport: Any, owner: SocketOwner) -> Any:
    """What writes to the client from now on, and tells `owner` of it: its socket without what read a PROXY header, or
    the same transport, where it is in TLS."""
    below = _below_proxy(transport)
    if below is transport or not isinstance(below, ClientSocket):
        return transport
    transport.factory.unregisterProtocol(transport)
    below.protocol = owner
    return below


def end_writing(transport: Any) -> None:
    """Close our side once all was written, and the connection once the other side has closed, too. Where one side can't
    close alone, both do."""
    getattr(transport, "loseWriteConnection", transport.loseConnection)()


def cut(transport: Any) -> None:
    """Cut a connection, now. Whoever speaks on one in TLS hears of it in the next turn of the reactor."""
    if isinstance(transport, ClientSocket):
        transport.connectionLost(ABORTED)
    else:
        transport.abortConnection()


def _below_proxy(transport: Any) -> Any:
    return transport.transport if isinstance(transport, HAProxyProtocolWrapper) else transport
