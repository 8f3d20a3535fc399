"""The child's side of its link to its parent: reports and orders, as lines through two pipes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from relay.process.spawned import DRAIN

_READ = 4096  # bytes


class Parent:
    """Sends reports to the parent. Never fails, because the parent may be gone."""

    _log = Logger()

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, False)  # a parent that was stopped reads nothing

    def tell(self, word: str) -> None:
        """Send the parent a line."""
        try:
            os.write(self._descriptor, f"{word}\n".encode())
        except BlockingIOError:
            pass
        except OSError as error:
            self._log.warn("the parent can't be told {word}: {error}", word=word, error=error)


@implementer(IReadDescriptor)
class Orders:
    """Receives the parent's orders: `leave` is called with the seconds that the process has from now on, or with None
    when the parent is gone."""

    def __init__(self, reactor: Any, descriptor: int, leave: Callable[[float | None], None]) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._leave = leave
        self._rest = b""
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, False)
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "orders"

    def doRead(self) -> None:
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.connectionLost(None)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, _, seconds = line.decode().partition(" ")
            if word == DRAIN:
                self._leave(float(seconds))

    def connectionLost(self, reason: object) -> None:
        """The other end is closed: epoll says so itself, and has nothing read."""
        self._reactor.removeReader(self)
        self._leave(None)
