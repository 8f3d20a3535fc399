"""A process that is kept alive: it has a successor whenever it ends, or begins to drain."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessDone
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay import launch
from relay.output import Lines, leveled
from relay.store.partition import random_name

FIRST_PAUSE = 0.05  # seconds before a process that died is started again, doubled each time up to:
LONGEST_PAUSE = 5.0
STEADY = 10.0  # seconds after which a process counts as well, and the pause begins anew
LAST_OUTPUT = 1.0  # seconds for what an ended process wrote to get here, if others keep its output open
#: what a child says to its parent, a word on each line, through a descriptor of its own
READY, DRAINING = "ready", "draining"
_STDOUT, _STDERR = 1, 2
_FIRST = (
    3  # descriptor of the first socket that is handed over; the words come through the one after the last
)


class Child(ProcessProtocol):
    """One process; `name` is its own among all that were ever started."""

    _log = Logger()

    def __init__(self, kept: Kept, control: int) -> None:
        self.name = kept.role[0] + random_name(10)
        self.ready: Deferred[None] = Deferred()  # or ended before it was
        self.ended: Deferred[None] = Deferred()
        self.process: IProcessTransport | None = None
        self._leaving = False
        self._insist: IDelayedCall | None = None
        self._given_up: IDelayedCall | None = None  # of its output
        self._kept = kept
        self._control = control
        self._lines = {_STDOUT: Lines(), _STDERR: Lines(), control: Lines()}

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.pid is not None:
            self.process.signalProcess(number)

    def leave(self) -> None:
        """Ask the process to drain, once: a second signal would end it at once."""
        if not self._leaving:
            self.signal(signal.SIGTERM)
            self._drains()

    def _drains(self) -> None:
        """It was told to leave, by whomever: it is killed if it is still there after the drain."""
        self._leaving = True
        if self._insist is None and not self.ended.called:
            self._insist = self._kept.clock.callLater(self._kept.patience, self._kill)

    def _kill(self) -> None:
        self._log.error(
            "{title} ({name}) is killed: it was told to stop {seconds} s ago",
            title=self._kept.title,
            name=self.name,
            seconds=self._kept.patience,
        )
        self.signal(signal.SIGKILL)

    # -- what it says --

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        for line in self._lines[childFD].take(data):
            self._said(childFD, line)

    def _said(self, descriptor: int, line: str) -> None:
        if descriptor != self._control:
            self._wrote(descriptor, line)
        elif line == READY and not self.ready.called:
            self.ready.callback(None)
            self._kept.is_ready(self)
        elif line == DRAINING:
            self._drains()
            self._kept.is_leaving(self)

    def _wrote(self, descriptor: int, line: str) -> None:
        level, text = leveled(line, LogLevel.warn if descriptor == _STDERR else LogLevel.info)
        if text.strip():
            self._log.emit(level, "{title}: {line}", title=self._kept.title, line=text)

    # -- its end --

    def processExited(self, reason: Failure) -> None:
        """It has ended; what it wrote may still be on its way, and a process that it left behind may keep that open."""
        self._given_up = self._kept.clock.callLater(LAST_OUTPUT, self._over, reason)

    def processEnded(self, reason: Failure) -> None:
        """Likewise, and all that it wrote is here."""
        self._over(reason)

    def _over(self, reason: Failure) -> None:
        if self.ended.called:
            return
        for timer in (self._insist, self._given_up):
            if timer is not None and timer.active():
                timer.cancel()
        for descriptor in (_STDOUT, _STDERR):
            for line in self._lines[descriptor].end():
                self._wrote(descriptor, line)
        if self.process is not None:
            for descriptor in self._lines:
                self.process.closeChildFD(descriptor)
        self.process = None
        if not self.ready.called:
            self.ready.callback(None)
        self.ended.callback(None)
        self._kept.has_ended(self, reason)


class Kept:
    """A process that has a successor whenever it ends, or begins to drain, until it is stopped.

    `sockets` are handed to it as file descriptors from 3 on; a process that was told to stop is killed after `patience`
    seconds; `buried` is called with the name of each child that ended.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        role: str,
        number: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        patience: float,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        self.role = role
        self.title = f"{role} {number}" if number else role
        self.buried: Callable[[str], None] = lambda name: None
        self.clock = reactor
        self.patience = patience
        self._reactor = reactor
        self._command = command
        self._environment = dict(environment)
        self._sockets = sockets
        self._pause = FIRST_PAUSE
        self._began = 0.0
        self._child: Child | None = None  # the one that has no successor
        self._all: set[Child] = set()
        self._restart: Any = None
        self._stopping = False

    def start(self) -> Child:
        """Start a process; the one before, if any, is succeeded by it."""
        control = _FIRST + len(self._sockets)
        child = self._child = Child(self, control)
        launched = [sys.executable, "-I", "-S", str(Path(launch.__file__)), str(os.getpid()), *self._command]
        handed = {_FIRST + n: bound.fileno() for n, bound in enumerate(self._sockets)}
        descriptors = {0: "w", _STDOUT: "r", _STDERR: "r", **handed, control: "r"}
        environment = {**self._environment, "RELAY_PROCESS": child.name, "RELAY_CONTROL": str(control)}
        self._began = self._reactor.seconds()
        self._all.add(child)
        child.process = self._reactor.spawnProcess(
            child, launched[0], launched, env=environment, childFDs=descriptors
        )
        return child

    async def replace(self) -> None:
        """Start a successor; the present process leaves once that is ready."""
        await self.start().ready

    async def stop(self) -> None:
        """Ask the processes to end, those that were not asked before."""
        self._stopping = True
        if self._restart is not None and self._restart.active():
            self._restart.cancel()
        children = list(self._all)
        for child in children:
            child.leave()
        await gatherResults([child.ended for child in children])

    def signal(self, number: int) -> None:
        for child in self._all:
            child.signal(number)

    # -- what its processes do --

    def is_ready(self, child: Child) -> None:
        """Whoever was before it can go."""
        if child is self._child:
            for former in self._all - {child}:
                former.leave()

    def is_leaving(self, child: Child) -> None:
        """A child was told to drain, by whomever: its successor takes over."""
        if child is self._child and not self._stopping:
            self.start()

    def has_ended(self, child: Child, reason: Failure) -> None:
        self._all.discard(child)
        self.buried(child.name)
        if child is not self._child and not reason.check(ProcessDone):
            self._log.warn(
                "{title} ({name}) ended while it drained: {why}",
                title=self.title,
                name=child.name,
                why=reason.getErrorMessage(),
            )
        if self._stopping or child is not self._child:
            return
        self._child = None
        if self._reactor.seconds() - self._began > STEADY:
            self._pause = FIRST_PAUSE
        self._log.error(
            "{title} ended ({why}), started again in {pause} s (it was {name})",
            title=self.title,
            name=child.name,
            why=reason.getErrorMessage(),
            pause=self._pause,
        )
        self._restart = self._reactor.callLater(self._pause, self.start)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
