"""The socket of a client, in the reactor's hands from accept on, and the transport of whoever speaks on it.

Twisted's own transport costs about a KiB a client, and more calls for all that comes or goes. Nothing changes here
when a client is committed but who is told what comes, and the socket can be given away, as it is to the front that
succeeds this one. Only a connection in TLS is on Twisted's.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    IPushProducer,
    IReadWriteDescriptor,
    ITransport,
)
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer

from relay.net.socket_names import address_of_name

AT_ONCE = 64 << 10  # bytes read at once; with more than that to write, who produces them is asked to pause
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time
ABORTED = Failure(ConnectionAborted())
_DONE = Failure(ConnectionDone())
#: what is still to come from our side; next is always one of those behind
_OPEN, _HALF_CLOSING, _HALF_CLOSED, _CLOSING, _OVER = range(5)
_NAMES = "open", "closing our side", "our side closed", "closing", "over"


@implementer(IConsumer, IHalfCloseableDescriptor, IPushProducer, IReadWriteDescriptor, ITransport)
class ClientSocket(socket.socket):
    """One client's. `protocol` is told what comes, and the end; another may be set at any time."""

    __slots__ = ("_ended", "_producer", "_reactor", "_stage", "_unsent", "protocol")

    def __init__(self, reactor: Any, connected: socket.socket, protocol: Any) -> None:
        super().__init__(fileno=connected.detach())
        self.setblocking(False)
        self.protocol = protocol
        self._reactor = reactor
        self._unsent: bytes | memoryview = b""
        self._producer: Any = None
        self._ended = False  # the client says nothing more
        self._stage = _OPEN
        reactor.addReader(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.fileno()} of {self.protocol!r}, {_NAMES[self._stage]}>"

    # -- writing --

    def write(self, data: bytes) -> None:
        """Send data behind all that was written before: at once, if there is room for it. Nothing is sent any more once
        the connection, or our side of it, was told to close."""
        if self._stage is not _OPEN:
            return
        if self._unsent:
            self._unsent = b"".join((self._unsent, data))
        else:
            try:
                sent = self.send(data)
            except OSError:  # no room yet, or an end that the reactor meets, too
                sent = 0
            if sent == len(data):
                return
            self._unsent = memoryview(data)[sent:]
            self._reactor.addWriter(self)
        if len(self._unsent) > AT_ONCE and self._producer is not None:
            self._producer.pauseProducing()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        self.write(b"".join(iovec))

    def waiting(self) -> int:
        """How many bytes wait for room in the kernel."""
        return len(self._unsent)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Ask this one to pause while much is unsent. It has to be a streaming one."""
        if self._producer is not None or not streaming:
            raise RuntimeError(f"{self!r} has a producer, or can't have {producer!r}")
        if self._stage is _OVER:
            producer.stopProducing()
        else:
            self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    # -- reading --

    def pauseProducing(self) -> None:
        """Read nothing until `resumeProducing`. Who goes meanwhile is not noticed."""
        self._reactor.removeReader(self)

    def resumeProducing(self) -> None:
        if self._stage < _CLOSING and not self._ended:
            self._reactor.addReader(self)

    def stopProducing(self) -> None:
        self.loseConnection()

    # -- the end --

    def loseConnection(self) -> None:
        """Close once everything was written; nothing more is read."""
        if self._stage is _HALF_CLOSED:
            self.connectionLost(_DONE)
        elif self._stage < _HALF_CLOSED:
            self._stage = _CLOSING
            self._reactor.removeReader(self)
            self._reactor.addWriter(self)

    def loseWriteConnection(self) -> None:
        """Close our side once everything was written, and the connection once the client has closed its side: what it
        still sent would take along what is on its way to it."""
        if self._stage is _OPEN:
            self._stage = _HALF_CLOSING
            if not self._unsent:
                self._half_close()

    def _half_close(self) -> None:
        self._stage = _HALF_CLOSED
        if self._ended:
            self.connectionLost(_DONE)
        else:
            with suppress(OSError):
                self.shutdown(socket.SHUT_WR)

    def abortConnection(self) -> None:
        """Cut the connection. Its protocol hears of it in the next turn of the reactor."""
        if self._stage is not _OVER:
            self._stage = _OVER
            self._let_go()
            self._reactor.callLater(0, self.connectionLost, ABORTED)

    def give_away(self) -> tuple[socket.socket, bytes] | None:
        """The socket for another owner, with its unsent bytes; None if it was closed. Nobody is told of its end."""
        if self._stage is _OVER:
            return None
        self._stage, self.protocol, self._producer = _OVER, None, None
        self._let_go()
        return socket.socket(fileno=self.detach()), bytes(self._unsent)

    def _let_go(self) -> None:
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)

    # -- what the reactor calls --

    def logPrefix(self) -> str:
        return type(self.protocol).__name__

    def doRead(self) -> Any:
        if self._stage is _OVER:
            return None
        try:
            data = self.recv(AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return CONNECTION_LOST
        if not data:
            return CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def doWrite(self) -> Any:
        if self._stage is _OVER:
            return None
        if self._unsent:
            try:
                self._unsent = memoryview(self._unsent)[self.send(self._unsent) :]
            except (BlockingIOError, InterruptedError):
                return None
            except OSError as error:
                return None if error.errno == errno.ENOBUFS else CONNECTION_LOST
        return None if self._unsent else self._written()

    def _written(self) -> Any:
        """All is out; whoever produces may write more, also if it was not asked to pause."""
        self._unsent = b""  # let go of what it was part of
        self._reactor.removeWriter(self)
        if self._producer is not None and self._stage is _OPEN:
            self._producer.resumeProducing()
        if not self._unsent:
            if self._stage is _CLOSING:
                return CONNECTION_DONE
            if self._stage is _HALF_CLOSING:
                self._half_close()
        return None

    def readConnectionLost(self, reason: Failure) -> None:
        """The client has closed its side. What is written goes out before our side closes."""
        self._ended = True
        if self._stage in (_HALF_CLOSING, _CLOSING):
            return
        if self._stage is _HALF_CLOSED or not IHalfCloseableProtocol.providedBy(self.protocol):
            self.connectionLost(reason)
            return
        try:
            self.protocol.readConnectionLost()
        except BaseException:
            log.err()
            self.connectionLost(Failure())

    def writeConnectionLost(self, reason: Failure) -> None:
        self.connectionLost(reason)

    def connectionLost(self, reason: Failure) -> None:
        """The end, from either side."""
        if self.fileno() == -1:
            return
        self._let_go()
        protocol, self.protocol = self.protocol, None
        producer, self._producer = self._producer, None
        self._stage, self._unsent = _OVER, b""
        with suppress(OSError):
            if reason is ABORTED:
                self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            else:
                self.shutdown(socket.SHUT_RDWR)
        self.close()
        if producer is not None:
            producer.stopProducing()
        protocol.connectionLost(reason)

    def getPeer(self) -> IAddress:
        """The client's address; one of nobody's, if it has gone."""
        try:
            return address_of_name(self.getpeername())
        except OSError:
            return address_of_name(("", 0))

    def getHost(self) -> IAddress:
        """Our own."""
        return address_of_name(self.getsockname())
