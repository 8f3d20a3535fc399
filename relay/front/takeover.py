"""A front that leaves hands its held clients over to the front that succeeds it: their sockets, and what is known of
them. The clients notice nothing.

Both have one end of a Unix stream socket. The one that leaves sends a frame for each client (4 bytes of length, then
8 of the socket's inode, then a `Passed` as MessagePack) with the client's socket beside it (``SCM_RIGHTS``). It hears
lines: ``ready FORMAT``, from then on clients are taken; ``took N``, the next N that were sent are in good hands;
``back N``, the next N can't be taken; ``stop``, no more are taken. It keeps its own copy of a socket until then, so
nobody is lost if its successor dies.

A process that has no descriptor left gets the frame without the socket, and no word of that: the inode tells whose
socket is whose, so that nobody is sent the answer of somebody else.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver, LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from relay import descriptors
from relay.front.terms import Terms
from relay.state import Standing
from relay.store.messages import Submission

FORMAT = 2  # of what is handed over: another is not read
MOST_UNDER_WAY = 256  # clients that are sent and were not taken yet
_LONGEST = 1 << 26  # bytes of a frame, which may carry the arguments of a job
_INODE = 8  # bytes
_READY, _TOOK, _BACK, _STOP = "ready", "took", "back", "stop"


class Passed(msgspec.Struct, frozen=True):
    """What is known of a client that was committed. Times are seconds of the machine's monotonic clock."""

    known: Standing
    owner: str
    terms: Terms
    chunked: bool
    address: str
    until: float  # when the wait ends
    due: float  # when its next heartbeat is
    unsent: bytes = b""
    submission: Submission | None = None  # in case that the store forgets the job


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Passed).decode


class Passes(Protocol):
    """A client that can be handed over."""

    def detach(self) -> tuple[Passed, socket.socket] | None:
        """Let go of it; None if it has been answered, or has gone."""


class Successor(LineOnlyReceiver):
    """The front that comes after this one, as far as there is one. `restore` is given back whom it did not take, and
    `lost` called after that, if it ends before it has taken all."""

    _log = Logger()
    delimiter = b"\n"

    def __init__(self, restore: Callable[[Passed, socket.socket], None], lost: Callable[[], None]) -> None:
        self._restore = restore
        self._lost = lost
        #: whether clients are taken
        self.takes = False
        self._known: list[Deferred[None]] = []
        self._over = True
        self._queue: deque[Passes] = deque()
        self._sent: deque[tuple[Passed, socket.socket]] = deque()
        self._emptied: list[Deferred[None]] = []
        self.given = 0  # clients that it has taken

    def connect(self, reactor: Any, descriptor: int) -> None:
        self._over = False
        _adopt(reactor, descriptor, self)

    def known(self) -> Deferred[None]:
        """Fires when it is known whether clients are taken."""
        return _waited(self._known, self._over or self.takes)

    def emptied(self) -> Deferred[None]:
        """Fires when nobody is on the way."""
        return _waited(self._emptied, not self.has_some())

    def has_some(self) -> bool:
        """Whether somebody is on the way."""
        return bool(self._queue or self._sent)

    def give_up(self) -> None:
        """Take those back that it has not taken: should it find their sockets later, those are closed by then."""
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    def give(self, client: Passes) -> None:
        """Hand a client over, as soon as there is room."""
        self._queue.append(client)
        self._send()

    def _send(self) -> None:
        while self.takes and self._queue and len(self._sent) < MOST_UNDER_WAY:
            detached = self._queue.popleft().detach()
            if detached is not None:
                passed, connected = detached
                data = _inode(connected) + _encode(passed)
                self._sent.append(detached)
                self.transport.sendFileDescriptor(connected.fileno())  # type: ignore[union-attr]
                self.transport.write(len(data).to_bytes(4, "big") + data)  # type: ignore[union-attr]
        self._tell()

    def lineReceived(self, line: bytes) -> None:
        word, _, number = line.decode().partition(" ")
        if word == _READY:
            self.takes = number == str(FORMAT)
            self._over = not self.takes
        elif word == _TOOK:
            for _ in range(int(number)):
                self._sent.popleft()[1].close()
            self.given += int(number)
        elif word == _BACK:
            for _ in range(int(number)):
                self._restore(*self._sent.popleft())
        elif word == _STOP:
            self._end()
        _fire(self._known)
        self._send()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        sent, self._sent = self._sent, deque()
        for passed, connected in sent:
            self._restore(passed, connected)
        self._end()
        _fire(self._known)
        self._tell()

    def _end(self) -> None:
        """No more are taken; those that are under way still may be."""
        self.takes, self._over = False, True
        self._queue.clear()
        self._lost()

    def _tell(self) -> None:
        if not self.has_some():
            _fire(self._emptied)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


@implementer(IFileDescriptorReceiver)
class Predecessor(Int32StringReceiver):
    """The front that came before this one, as far as there is one; `adopt` is given each client that it hands over, and
    `told` called after some have come."""

    _log = Logger()
    MAX_LENGTH = _LONGEST

    def __init__(self, adopt: Callable[[Passed, socket.socket], None], told: Callable[[], None]) -> None:
        self._adopt = adopt
        self._told = told
        self._sockets: deque[socket.socket] = deque()
        self._came = 0  # that it was not told of
        self._word = _TOOK  # what it is to be told of them
        self._ended = True
        self._over: list[Deferred[None]] = []

    def connect(self, reactor: Any, descriptor: int) -> None:
        self._ended = False
        _adopt(reactor, descriptor, self)

    def ready(self) -> None:
        """From now on clients are taken."""
        self._say(f"{_READY} {FORMAT}")

    def stop(self) -> None:
        """No more are taken but those that are on their way."""
        self._say(_STOP)

    def over(self) -> Deferred[None]:
        """Fires when it has gone."""
        return _waited(self._over, self._ended)

    def _say(self, words: str) -> None:
        if not self._ended:
            self.transport.write(f"{words}\n".encode())  # type: ignore[union-attr]

    def fileDescriptorReceived(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._sockets.append(socket.socket(fileno=descriptor))

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self._say_what_came()

    def stringReceived(self, string: bytes) -> None:
        connected = self._socket_of(string[:_INODE])
        if connected is None:
            self._count(_BACK)
        elif descriptors.is_scarce(connected.fileno()):
            connected.close()
            self._count(_BACK)
        else:
            self._take(string[_INODE:], connected)

    def _socket_of(self, inode: bytes) -> socket.socket | None:
        """They come in order: one that is not the next was lost."""
        is_next = self._sockets and _inode(self._sockets[0]) == inode
        return self._sockets.popleft() if is_next else None

    def _take(self, passed: bytes, connected: socket.socket) -> None:
        self._count(_TOOK)
        try:
            self._adopt(_decode(passed), connected)
        except Exception:
            self._log.failure("a client that was handed over can't be held, and is cut")
            connected.close()

    def _count(self, word: str) -> None:
        """Say what becomes of the next one, together with what else comes at the same time."""
        if word != self._word:
            self._say_what_came()
        self._word, self._came = word, self._came + 1

    def _say_what_came(self) -> None:
        if self._came:
            self._say(f"{self._word} {self._came}")
            if self._word == _TOOK:
                self._told()
            else:
                self._log.error(
                    "{count} clients that were handed over go back: too few file descriptors are left (ulimit -n)",
                    count=self._came,
                )
            self._came = 0

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._ended = True
        while self._sockets:
            self._sockets.popleft().close()
        _fire(self._over)


def _inode(connected: socket.socket) -> bytes:
    """The same in each process that has this socket."""
    return os.fstat(connected.fileno()).st_ino.to_bytes(_INODE, "big")


def _adopt(reactor: Any, descriptor: int, protocol: Any) -> None:
    factory = Factory.forProtocol(lambda: protocol)
    factory.noisy = False
    os.set_blocking(descriptor, False)
    reactor.adoptStreamConnection(descriptor, socket.AF_UNIX, factory)
    os.close(descriptor)  # which was duplicated


def _waited(waiting: list[Deferred[None]], is_so: bool) -> Deferred[None]:
    if is_so:
        return succeed(None)
    deferred: Deferred[None] = Deferred()
    waiting.append(deferred)
    return deferred


def _fire(waiting: list[Deferred[None]]) -> None:
    fired, waiting[:] = list(waiting), []
    for deferred in fired:
        if not deferred.called:
            deferred.callback(None)
