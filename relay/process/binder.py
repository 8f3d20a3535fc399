"""Binds sockets by Twisted's endpoint strings, without serving them."""

from __future__ import annotations

import os
import socket
import stat
import sys
from typing import Any

BACKLOG = 1024  # connections that wait to be accepted, unless an endpoint asks for more
USER_TIMEOUT = 30_000  # milliseconds until a peer that acknowledges nothing is given up (TCP_USER_TIMEOUT)


class Binder:
    """Stands in for the reactor: binds instead of serving."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.socket: socket.socket | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> None:
        family = socket.AF_INET6 if ":" in interface else socket.AF_INET
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _watch_peers(listening)
        self._listen(listening, (interface, port), backlog)

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> None:
        self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: Any = 0
    ) -> None:
        _remove_stale(address)
        self._listen(socket.socket(socket.AF_UNIX), address, backlog)
        os.chmod(address, mode)

    def adoptStreamPort(self, fd: int, family: Any, factory: Any) -> None:
        """A socket of systemd's. What it is says the socket itself: ``ListenStream=8080`` is one of IPv6, for both."""
        listening = socket.socket(fileno=os.dup(fd))
        if not _is_listening(listening):
            listening.close()
            raise ValueError(
                "the socket that systemd handed over does not listen for connections (Accept=no)"
            )
        if listening.family != socket.AF_UNIX:
            _watch_peers(listening)
        listening.setblocking(False)
        self.socket = listening

    def _listen(self, listening: socket.socket, address: Any, backlog: int) -> None:
        try:
            listening.bind(address)
        except OSError:
            listening.close()
            raise
        listening.listen(max(backlog, BACKLOG))
        listening.setblocking(False)
        self.socket = listening


def _is_listening(adopted: socket.socket) -> bool:
    return adopted.type == socket.SOCK_STREAM and bool(
        adopted.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    )


def _watch_peers(listening: socket.socket) -> None:
    """Have the kernel give up peers that are gone; accepted connections inherit what is set here."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)


def _remove_stale(address: Any) -> None:
    """Remove a unix socket that nobody serves any more."""
    if not os.path.exists(address) or not stat.S_ISSOCK(os.stat(address).st_mode):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            os.unlink(address)
