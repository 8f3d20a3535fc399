"""A process that is kept alive: it has a successor whenever it ends, or begins to drain."""

from __future__ import annotations

import math
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.error import ProcessDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay import launch
from relay.process import STDERR, STDOUT, Child
from relay.timers import stop_timer

FIRST_PAUSE = 0.05  # seconds before a process that died is started again, doubled each time up to:
LONGEST_PAUSE = 5.0
STEADY = 10.0  # seconds after which a process counts as well, and the pause begins anew
_FIRST = 3  # descriptor of the first socket that is handed over; words come through the one after the last


class Kept:
    """A process that has a successor whenever it ends, or begins to drain, until it is stopped.

    `sockets` are handed to it as file descriptors from 3 on; `buried` is called with the name of each child that ended.
    A process is killed that was told to stop `patience` seconds ago, or that gave signs of life and none any more for
    `silence` seconds.
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
        silence: float = math.inf,
    ) -> None:
        self.role = role
        self.title = f"{role} {number}" if number else role
        self.buried: Callable[[str], None] = lambda name: None
        #: which lines of what it writes are left out of the log
        self.is_noise: Callable[[str], bool] = lambda line: False
        self.clock = reactor
        self.patience = patience
        self.silence = silence
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
        descriptors = {0: "w", STDOUT: "r", STDERR: "r", **handed, control: "r"}
        environment = {**self._environment, "RELAY_PROCESS": child.name, "RELAY_CONTROL": str(control)}
        self._began = self._reactor.seconds()
        self._all.add(child)
        try:
            child.begun(
                self._reactor.spawnProcess(
                    child, launched[0], launched, env=environment, childFDs=descriptors
                )
            )
        except Exception as error:  # no process, no memory, no descriptor is left
            child.processEnded(Failure(error))
        return child

    async def replace(self) -> None:
        """Start a successor; the present process leaves once that is ready."""
        await self.start().ready

    async def stop(self) -> None:
        """Ask the processes to end, those that were not asked before."""
        self._stopping = True
        stop_timer(self._restart)
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
        """A child was told to drain, by whomever: its successor takes over. One that gives up before it was ready has
        its successor when it has ended, after a pause."""
        if child is self._child and not self._stopping and child.ready.called:
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
