"""The detached socket of a waiting client, without Twisted's transport.

A transport costs about a KiB, most of it for things that a waiting client does not need. What is left: white space out
now and then, one answer, and to notice that the client has gone. So a plain TCP (or Unix) transport is taken apart once
its client is committed, and its socket given to this, also below a PROXY header; one that speaks TLS stays as it is.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet import tcp, unix
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import connectionDone
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import implementer

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time
_ABORTED = Failure(ConnectionAborted())
_DISCARDED = 1 << 16  # bytes read at once, to no end


class SocketOwner(Protocol):
    """Whoever waits on a socket."""

    def half_closed(self) -> None:
        """The client has closed its side; only writing shows whether it still reads."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The client has gone, or was told to."""


def detach(transport: Any, waits: SocketOwner) -> Any:
    """What writes to the client from now on: a `DetachedSocket` in place of the transport, where that is possible."""
    below = _below_proxy(transport)
    if not can_be_detached(transport) or below.disconnecting or not below.connected:
        return transport
    if below.dataBuffer or below._tempDataBuffer:
        return transport
    if below is not transport:
        transport.factory.unregisterProtocol(transport)
        transport = below
    transport.stopReading()
    transport.stopWriting()
    transport.connected = 0
    detached = DetachedSocket(transport.reactor, transport.socket, waits)
    del transport.socket, transport.fileno, transport.protocol
    return detached


def can_be_detached(transport: Any) -> bool:
    """Whether there is nothing between the client's bytes and the socket, such as TLS."""
    return type(_below_proxy(transport)) in (tcp.Server, unix.Server)


def _below_proxy(transport: Any) -> Any:
    """What a PROXY header came through: nothing else is done with what follows it."""
    return transport.transport if isinstance(transport, HAProxyProtocolWrapper) else transport


@implementer(IReadWriteDescriptor)
class DetachedSocket:
    """A socket in the reactor's hands."""

    __slots__ = ("_closing", "_ended", "_reactor", "_socket", "_unsent", "_waits")

    def __init__(self, reactor: Any, connected: socket.socket, waits: SocketOwner) -> None:
        self._reactor = reactor
        self._socket: socket.socket | None = connected
        self._waits = waits
        self._unsent = b""
        self._closing = False
        self._ended = False  # the client says nothing more
        reactor.addReader(self)

    # -- what the waiting one does --

    def write(self, data: bytes) -> None:
        """Send data behind all that was written before."""
        if self._socket is None or self._closing:
            return
        if not self._unsent:
            data = data[self._send(data) :]
            if not data:
                return
            self._reactor.addWriter(self)
        self._unsent += data

    def loseConnection(self) -> None:
        """Close once everything was written and the client has closed its side: what it still sent would take along
        what is on its way to it. Said a second time, don't wait for the client."""
        again, self._closing = self._closing, True
        if not self._unsent:
            self._written(again)

    def _written(self, now: bool = False) -> None:
        if now or self._ended:
            self.connectionLost(connectionDone)
        elif self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def abortConnection(self) -> None:
        """Cut the connection, now."""
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connectionLost(_ABORTED)

    def detach(self) -> tuple[socket.socket, bytes] | None:
        """Give the socket away, with its unsent bytes; None if it was closed."""
        if self._socket is None:
            return None
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        given, self._socket = self._socket, None
        return given, self._unsent

    def waiting(self) -> int:
        """How many bytes wait for room in the kernel."""
        return len(self._unsent)

    def _send(self, data: bytes) -> int:
        assert self._socket is not None
        try:
            return self._socket.send(data)
        except OSError:  # no room yet, or an end that the reactor meets, too
            return 0

    # -- what the reactor calls --

    def fileno(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        return "held"

    def doRead(self) -> Any:
        assert self._socket is not None
        try:
            if self._socket.recv(_DISCARDED):
                return None
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return CONNECTION_LOST
        if self._closing and not self._unsent:
            return CONNECTION_DONE
        self._ended = True
        self._reactor.removeReader(self)
        if not self._closing:
            self._waits.half_closed()
        return None

    def doWrite(self) -> Any:
        assert self._socket is not None
        if self._unsent:
            try:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            except (BlockingIOError, InterruptedError):
                return None
            except OSError:
                return CONNECTION_LOST
        if self._unsent:
            return None
        self._reactor.removeWriter(self)
        if self._closing:
            self._written()
        return None

    def connectionLost(self, reason: Failure) -> None:
        """The end, from either side."""
        if self._socket is None:
            return
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        closed, self._socket = self._socket, None
        if reason is not _ABORTED:
            with suppress(OSError):
                closed.shutdown(socket.SHUT_RDWR)
        closed.close()
        self._waits.connectionLost(reason)
