"""Questions to whoever sits at the terminal. Nobody is asked where there is none: what would be asked about is refused
then."""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.main import CONNECTION_DONE
from zope.interface import implementer

from relay.commands.ending import Unreached
from relay.model.text import printable

_YES = ("y", "yes")


class NotMeant(Unreached):
    """The question was answered with no, or could not be asked. The message is one line."""


@implementer(IReadDescriptor)
class TerminalLine:
    """Waits for what is typed without holding up the reactor: a line, or a key if the terminal gives each at once."""

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self.typed: Deferred[str] = Deferred(lambda _: reactor.removeReader(self))
        reactor.addReader(self)

    def fileno(self) -> int:
        """Where it is typed."""
        return self._descriptor

    def logPrefix(self) -> str:
        """A name, for Twisted's log."""
        return "terminal"

    def doRead(self) -> None:
        """Something was typed; "" is the end."""
        data = os.read(self._descriptor, 4096)
        self._reactor.removeReader(self)
        if not self.typed.called:
            self.typed.callback(data.decode("utf-8", "replace").strip())

    def connectionLost(self, reason: Any = CONNECTION_DONE) -> None:
        """The reactor ends."""


async def typed(reactor: Any, question: str) -> str:
    """The line that is typed after a question. Raises `NotMeant` where nobody can be asked."""
    if not sys.stdin.isatty():
        raise NotMeant("nobody can be asked here: say --yes (and --expect N where jobs are purged)")
    sys.stderr.write(f"{printable(question)} ")
    sys.stderr.flush()
    return await TerminalLine(reactor, sys.stdin.fileno()).typed


async def confirm(reactor: Any, question: str, is_meant: bool = False) -> None:
    """Go on only if it is meant. Raises `NotMeant`."""
    if not is_meant and (await typed(reactor, f"{question} [y/N]")).lower() not in _YES:
        raise NotMeant("nothing was done")


async def confirm_count(reactor: Any, question: str, count: int) -> None:
    """Go on only if this number is typed. Raises `NotMeant`."""
    if await typed(reactor, f"{question} Type {count} to go on:") != str(count):
        raise NotMeant("nothing was done")
