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
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay import launch
from relay.store.partition import random_name

FIRST_PAUSE = 0.05  # seconds before a process that died is started again, doubled each time up to:
LONGEST_PAUSE = 5.0
STEADY = 10.0  # seconds after which a process counts as well, and the pause begins anew
#: what a child writes on a line of its own, to its parent
READY, DRAINING = "relay: ready", "relay: draining"


class Child(ProcessProtocol):
    """One process; `name` is its own among all that were ever started."""

    _log = Logger()

    def __init__(self, kept: Kept) -> None:
        self.name = kept.role[0] + random_name(10)
        self.ready: Deferred[None] = Deferred()  # or ended before it was
        self.leaving = False
        self.ended: Deferred[None] = Deferred()
        self.process: IProcessTransport | None = None
        self._kept = kept
        self._line = b""

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.pid is not None:
            self.process.signalProcess(number)

    def leave(self) -> None:
        """Ask the process to drain, once: a second signal would end it at once."""
        if not self.leaving:
            self.leaving = True
            self.signal(signal.SIGTERM)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._said(line.decode("utf-8", "replace").strip())

    def _said(self, line: str) -> None:
        if line == READY:
            self.ready.callback(None)
            self._kept.is_ready(self)
        elif line == DRAINING:
            self.leaving = True
            self._kept.is_leaving(self)
        else:
            self._log.info("{title}: {line}", title=self._kept.title, line=line)

    def processEnded(self, reason: Failure) -> None:
        self.process = None
        if not self.ready.called:
            self.ready.callback(None)
        self._kept.has_ended(self, reason)
        self.ended.callback(None)


class Kept:
    """A process that has a successor whenever it ends, or begins to drain, until it is stopped.

    `sockets` are handed to it as file descriptors from 3 on; `buried` is called with the name of each child that ended.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        role: str,
        number: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        self.role = role
        self.title = f"{role} {number}" if number else role
        self.buried: Callable[[str], None] = lambda name: None
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
        child = self._child = Child(self)
        launched = [sys.executable, "-I", "-S", str(Path(launch.__file__)), str(os.getpid()), *self._command]
        descriptors = {
            0: "w",
            1: "r",
            2: "r",
            **{3 + n: bound.fileno() for n, bound in enumerate(self._sockets)},
        }
        environment = {**self._environment, "RELAY_PROCESS": child.name}
        self._began = self._reactor.seconds()
        self._all.add(child)
        child.process = self._reactor.spawnProcess(
            child, launched[0], launched, env=environment, childFDs=descriptors
        )
        return child

    async def replace(self) -> None:
        """Start a successor; the present process leaves once that is ready."""
        await self.start().ready

    async def stop(self, patience: float) -> None:
        """Ask the process to end, insist after `patience` seconds."""
        self._stopping = True
        if self._restart is not None and self._restart.active():
            self._restart.cancel()
        children = list(self._all)
        self.signal(signal.SIGTERM)
        insist = self._reactor.callLater(patience, self.signal, signal.SIGKILL)
        await gatherResults([child.ended for child in children])
        insist.cancel()

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
        if self._stopping:
            return
        self.buried(child.name)
        if child is not self._child:
            return
        self._child = None
        if self._reactor.seconds() - self._began > STEADY:
            self._pause = FIRST_PAUSE
        self._log.error(
            "{title} ended ({why}), started again in {pause} s",
            title=self.title,
            why=reason.getErrorMessage(),
            pause=self._pause,
        )
        self._restart = self._reactor.callLater(self._pause, self.start)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
