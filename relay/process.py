"""One process of ``relay all``, as its parent sees it: what it says and writes, and how it is made to leave."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.output import Lines, leveled
from relay.recurring import recurring
from relay.store.names import random_name
from relay.timers import stop_timer

LAST_OUTPUT = 1.0  # seconds for what an ended process wrote to get here, if others keep its output open
LISTEN = 1.0  # seconds between looks for signs of life
#: what a child says to its parent, a word on each line, through a descriptor of its own: when it can take work, when it
#: begins to drain, and again and again as a sign of life
READY, DRAINING, ALIVE = "ready", "draining", "alive"
STDOUT, STDERR = 1, 2


class Keeper(Protocol):
    """Who started it, and is told what it does. Times are seconds."""

    clock: IReactorTime
    role: str
    title: str
    patience: float  # until a process that was told to leave is killed
    silence: float  # without a sign of life until a process that gave one before is killed
    is_noise: Callable[[str], bool]  # a line that it wrote, and is left out

    def is_ready(self, child: Child) -> None: ...

    def is_leaving(self, child: Child) -> None: ...

    def has_ended(self, child: Child, reason: Failure) -> None: ...


class Child(ProcessProtocol):
    """One process; `name` is its own among all that were ever started."""

    _log = Logger()

    def __init__(self, keeper: Keeper, control: int) -> None:
        self.name = keeper.role[0] + random_name(10)
        self.ready: Deferred[None] = Deferred()  # or ended before it was
        self.ended: Deferred[None] = Deferred()
        self.process: IProcessTransport | None = None
        self._leaving = False
        self._insist: IDelayedCall | None = None
        self._given_up: IDelayedCall | None = None  # of its output
        self._keeper = keeper
        self._control = control
        self._silent = 0  # looks without a sign of life
        self._listening = recurring(keeper.clock, self._listen)
        self._lines = {STDOUT: Lines(), STDERR: Lines(), control: Lines()}

    def begun(self, process: IProcessTransport) -> None:
        """It was started: from now on it has to give signs of life, where its kind does."""
        self.process = process
        if math.isfinite(self._keeper.silence):
            self._listening.start(LISTEN, now=False)

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
            self._insist = self._keeper.clock.callLater(self._keeper.patience, self._kill)

    def _kill(self) -> None:
        self._kill_as("it was told to stop {seconds} s ago", self._keeper.patience)

    def _kill_as(self, why: str, seconds: float) -> None:
        title, name = self._keeper.title, self.name
        self._log.error(f"{{title}} ({{name}}) is killed: {why}", title=title, name=name, seconds=seconds)
        self.signal(signal.SIGKILL)

    def _listen(self) -> None:
        """Looks are counted, not seconds: where the parent was stopped as well, it has not read what the child said."""
        self._silent += 1
        if self._silent * LISTEN > self._keeper.silence:
            self._silent = 0
            self._kill_as("it gave no sign of life for {seconds} s", self._keeper.silence)

    # -- what it says --

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        for line in self._lines[childFD].take(data):
            self._said(childFD, line)

    def _said(self, descriptor: int, line: str) -> None:
        if descriptor != self._control:
            self._wrote(descriptor, line)
        elif line == READY and not self.ready.called:
            self.ready.callback(None)
            self._keeper.is_ready(self)
        elif line == ALIVE:
            self._silent = 0
        elif line == DRAINING:
            self._drains()
            self._keeper.is_leaving(self)

    def _wrote(self, descriptor: int, line: str) -> None:
        level, text = leveled(line, LogLevel.warn if descriptor == STDERR else LogLevel.info)
        if text.strip() and not self._keeper.is_noise(text):
            self._log.emit(level, "{title}: {line}", title=self._keeper.title, line=text)

    # -- its end --

    def processExited(self, reason: Failure) -> None:
        """It has ended; what it wrote may still be on its way, and a process that it left behind may keep that open."""
        self._given_up = self._keeper.clock.callLater(LAST_OUTPUT, self._over, reason)

    def processEnded(self, reason: Failure) -> None:
        """Likewise, and all that it wrote is here."""
        self._over(reason)

    def _over(self, reason: Failure) -> None:
        if self.ended.called:
            return
        for timer in (self._insist, self._given_up):
            stop_timer(timer)
        if self._listening.running:
            self._listening.stop()
        for descriptor in (STDOUT, STDERR):
            for line in self._lines[descriptor].end():
                self._wrote(descriptor, line)
        if self.process is not None:
            for descriptor in self._lines:
                self.process.closeChildFD(descriptor)
        self.process = None
        if not self.ready.called:
            self.ready.callback(None)
        self.ended.callback(None)
        self._keeper.has_ended(self, reason)
