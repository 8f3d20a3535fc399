"""The front before this one, seen by the front that takes over its clients."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from relay.front.takeover.passed import (
    BACK,
    FORMAT,
    INODE,
    READY,
    STOP,
    STREAMS,
    TOOK,
    Passed,
    adopt,
    decode,
    fire,
    inode,
    waited,
)
from relay.net import descriptors

_LONGEST = 1 << 26  # bytes of a frame, which may carry the arguments of a job


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
        self._word = TOOK  # what it is to be told of them
        self._ended = True
        self._over: list[Deferred[None]] = []

    def connect(self, reactor: Any, descriptor: int) -> None:
        self._ended = False
        adopt(reactor, descriptor, self)

    def ready(self) -> None:
        """From now on clients are taken: all kinds, which is said at once."""
        self._say(f"{READY} {FORMAT}\n{STREAMS}")

    def stop(self) -> None:
        """No more are taken but those that are on their way."""
        self._say(STOP)

    def over(self) -> Deferred[None]:
        """Fires when it has gone."""
        return waited(self._over, self._ended)

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
        connected = self._socket_of(string[:INODE])
        if connected is None:
            self._count(BACK)
        elif descriptors.is_scarce(connected.fileno()):
            connected.close()
            self._count(BACK)
        else:
            self._take(string[INODE:], connected)

    def _socket_of(self, wanted: bytes) -> socket.socket | None:
        """They come in order: one that is not the next was lost."""
        is_next = self._sockets and inode(self._sockets[0]) == wanted
        return self._sockets.popleft() if is_next else None

    def _take(self, passed: bytes, connected: socket.socket) -> None:
        self._count(TOOK)
        try:
            self._adopt(decode(passed), connected)
        except Exception:
            self._log.failure("a client that was handed over can't be held, and is disconnected")
            connected.close()

    def _count(self, word: str) -> None:
        """Say what becomes of the next one, together with what else comes at the same time."""
        if word != self._word:
            self._say_what_came()
        self._word, self._came = word, self._came + 1

    def _say_what_came(self) -> None:
        if self._came:
            self._say(f"{self._word} {self._came}")
            if self._word == TOOK:
                self._told()
            else:
                self._log.error(
                    "{count} clients were not taken over: too few file descriptors are left (ulimit -n)",
                    count=self._came,
                )
            self._came = 0

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._ended = True
        while self._sockets:
            self._sockets.popleft().close()
        fire(self._over)
