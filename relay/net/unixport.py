"""Twisted's port for unix sockets, changed so that several processes can serve one socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import tcp, unix


class UnixPort(unix.Port):
    """Serves a unix socket, maybe beside others, and leaves its path, its mode and its backlog as they are: Twisted's
    own port opens it to everybody, and removes it at its end."""

    _shouldShutdown = False  # which would be the end of it for all who serve it
    at_end: Callable[[], None]

    @classmethod
    def serving(cls, reactor: Any, descriptor: int, factory: Any, at_end: Callable[[], None]) -> Any:
        """A port that serves a socket which is bound already; `at_end` is called when it stops."""
        port: Any = cls._fromListeningDescriptor(reactor, descriptor, factory)
        port.at_end = at_end
        port.startListening()
        return port

    def startListening(self: Any) -> None:
        tcp._reservedFD.reserve()
        self.factory.doStart()
        served = self._preexistingSocket
        self.socket, self.fileno, self._preexistingSocket = served, served.fileno, None
        self.connected, self.numberAccepts = True, 100
        self.startReading()

    def connectionLost(self, reason: Any) -> None:
        self.at_end()  # while nobody else can bind the path
        tcp.Port.connectionLost(self, reason)
