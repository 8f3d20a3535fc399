"""The front after this one, seen by the front that leaves."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from relay.front.takeover.passed import (
    BACK,
    FORMAT,
    READY,
    STOP,
    STREAMS,
    TOOK,
    Passed,
    adopt,
    encode,
    fire,
    inode,
    waited,
)

MOST_UNDER_WAY = 256  # clients that are sent and were not taken yet


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
        #: whether those are taken, too, who are told events; older fronts do not know these
        self.takes_streams = False
        self._known: list[Deferred[None]] = []
        self._over = True
        self._queue: deque[Passes] = deque()
        self._sent: deque[tuple[Passed, socket.socket]] = deque()
        self._emptied: list[Deferred[None]] = []
        self.given = 0  # clients that it has taken

    def connect(self, reactor: Any, descriptor: int) -> None:
        self._over = False
        adopt(reactor, descriptor, self)

    def known(self) -> Deferred[None]:
        """Fires when it is known whether clients are taken."""
        return waited(self._known, self._over or self.takes)

    def emptied(self) -> Deferred[None]:
        """Fires when no client is on its way."""
        return waited(self._emptied, not self.has_some())

    def has_some(self) -> bool:
        """Whether a client is on its way."""
        return bool(self._queue or self._sent)

    def give_up(self) -> None:
        """Take those back that it has not taken: should it find their sockets later, those are closed by then."""
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    def give(self, client: Passes) -> None:
        """Hand a client over as soon as there is room."""
        self._queue.append(client)
        self._send()

    def _send(self) -> None:
        while self.takes and self._queue and len(self._sent) < MOST_UNDER_WAY:
            detached = self._queue.popleft().detach()
            if detached is not None:
                passed, connected = detached
                data = inode(connected) + encode(passed)
                self._sent.append(detached)
                self.transport.sendFileDescriptor(connected.fileno())  # type: ignore[union-attr]
                self.transport.write(len(data).to_bytes(4, "big") + data)  # type: ignore[union-attr]
        self._tell()

    def dataReceived(self, data: bytes) -> None:
        """What is said together is heard together: whoever waits to know whom it takes hears of all of them."""
        super().dataReceived(data)
        if self.takes or self._over:
            fire(self._known)
        self._send()

    def lineReceived(self, line: bytes) -> None:
        word, _, number = line.decode().partition(" ")
        if word == READY:
            self.takes = number == str(FORMAT)
            self._over = not self.takes
        elif word == STREAMS:
            self.takes_streams = self.takes
        elif word == TOOK:
            for _ in range(int(number)):
                self._sent.popleft()[1].close()
            self.given += int(number)
        elif word == BACK:
            for _ in range(int(number)):
                self._restore(*self._sent.popleft())
        elif word == STOP:
            self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        sent, self._sent = self._sent, deque()
        for passed, connected in sent:
            self._restore(passed, connected)
        self._end()
        fire(self._known)
        self._tell()

    def _end(self) -> None:
        """No more are taken; those that are under way still may be."""
        self.takes, self.takes_streams, self._over = False, False, True
        self._queue.clear()
        self._lost()

    def _tell(self) -> None:
        if not self.has_some():
            fire(self._emptied)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
