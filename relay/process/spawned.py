"""One child process of ``relay all``, as its parent sees it: what it reports and logs, and how it is ended."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from contextlib import suppress
from signal import SIGKILL
from typing import Any, Protocol

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.ids import process_name
from relay.net.adopted_process import AdoptedProcess
from relay.process.output import Lines, LogReader
from relay.process.reexec import ChildState
from relay.timing.recurring import recurring
from relay.timing.timers import stop_timer

LAST_OUTPUT = 1.0  # seconds for what an ended process wrote to get here, if others keep its output open
LISTEN = 1.0  # seconds between looks for signs of life
PATIENCE = 10.0  # seconds beyond the drain until a process that does not stop is killed
_TOLD_TO_STOP = "it was told to stop {seconds} s ago"
#: what a child says to its parent, a word on each line, through a descriptor of its own: when it can take work, when it
#: begins to drain, and again and again as a sign of life
READY, DRAINING, ALIVE = "ready", "draining", "alive"
STALE = "stale"  # its code was edited, and it wants a successor
DRAIN = "drain"  # what a parent orders through another, with the seconds that the child has from now on
STDIN, STDOUT, STDERR = 0, 1, 2
VARIABLE = "_RELAY_CHILD"  # in the environment of a child: a `Handed`, as JSON


class Handed(msgspec.Struct, frozen=True):
    """What a child gets at its start: its name, its descriptors, -1 for none, and what the log calls it."""

    name: str
    sockets: int = 0  # how many, from `FIRST_SOCKET` on
    control: int = -1  # where it says its words
    orders: int = -1  # where it hears those of its parent
    successor: int = -1  # a socket whose other end its successor is handed as `predecessor`
    predecessor: int = -1
    board: int = -1  # where it tells of itself (`relay.process.board`)
    title: str = ""  # as in the log: "front 1"


FIRST_SOCKET = 3


class Keeper(Protocol):
    """What starts a child and hears what the child does. Times are seconds."""

    clock: IReactorTime
    role: str
    title: str
    silence: float  # without a sign of life until a process that gave one before is killed
    is_noise: Callable[[str], bool]  # a line that it wrote, and is left out
    on_stale: Callable[[], None]  # the child wants a successor

    def ask(self, child: Child, seconds: float) -> None:
        """Tell a child to leave within `seconds`."""

    def is_ready(self, child: Child) -> None: ...

    def is_leaving(self, child: Child) -> None: ...

    def has_ended(self, child: Child, reason: Failure) -> None: ...


class Child(ProcessProtocol):
    """One process; `name` is its own among all that were ever started."""

    _log = Logger()

    def __init__(self, keeper: Keeper, control: int, orders: int, name: str = "") -> None:
        self.name = name or process_name(keeper.role)
        self.ready: Deferred[None] = Deferred()  # or ended before it was
        self.ended: Deferred[None] = Deferred()
        self.process: IProcessTransport | None = None
        #: the other end of the socket through which it hands over to its successor
        self.estate: socket.socket | None = None
        self.board = -1  # the descriptor of what it tells of itself
        self.leaving = False
        self._insist: IDelayedCall | None = None
        self._given_up: IDelayedCall | None = None  # of its output
        self._keeper = keeper
        self._control = control
        self._orders = orders
        self._silent = 0  # looks without a sign of life
        self._listening = recurring(keeper.clock, self._listen)
        self._reader = LogReader(self.name, keeper.title)
        self._lines = {STDOUT: Lines(), STDERR: Lines(), control: Lines()}

    def begun(self, process: IProcessTransport) -> None:
        """The child was started: from now on it must give signs of life, if its kind does."""
        self.process = process
        if math.isfinite(self._keeper.silence):
            self._listening.start(LISTEN, now=False)

    def state(self) -> ChildState | None:
        """What has to be known to go on with it in a process that becomes another; None if it has none."""
        if self.process is None or self.process.pid is None:
            return None
        process: Any = self.process
        due = self._insist.getTime() if self._insist is not None and self._insist.active() else None
        return ChildState(
            name=self.name,
            pid=self.process.pid,
            control=self._control,
            orders=self._orders,
            pipes={its: ours.fileno() for its, ours in process.pipes.items()},
            is_ready=self.ready.called,
            is_leaving=self.leaving,
            killed_at=due,
            estate=-1 if self.estate is None else self.estate.fileno(),
            unread={descriptor: rest for descriptor, lines in self._lines.items() if (rest := lines.rest())},
            pieces=self._reader.pieces,
            board=self.board,
        )

    @classmethod
    def adopted(cls, keeper: Keeper, reactor: Any, state: ChildState) -> Child:
        """A child that runs already."""
        child = cls(keeper, state.control, state.orders, state.name)
        child.leaving, child.board = state.is_leaving, state.board
        child._lines |= {descriptor: Lines(rest) for descriptor, rest in state.unread.items()}
        child._reader.pieces |= state.pieces
        if state.is_ready:
            child.ready.callback(None)
        if state.estate >= 0:
            child.estate = socket.socket(fileno=state.estate)
        if state.killed_at is not None:
            left = max(0.0, state.killed_at - keeper.clock.seconds())
            child._insist = keeper.clock.callLater(left, child._kill_as, _TOLD_TO_STOP, left)
        child.begun(AdoptedProcess(reactor, child, state.pid, state.pipes, (STDIN, state.orders)))
        return child

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.pid is not None:
            self.process.signalProcess(number)

    def leave(self, seconds: float) -> None:
        """Ask the process to drain within so many seconds; it is killed if it still runs `PATIENCE` seconds after that.
        The last call counts."""
        self.leaving = True
        if self.ended.called:
            return
        self._keeper.ask(self, seconds)
        stop_timer(self._insist)
        given = seconds + PATIENCE
        self._insist = self._keeper.clock.callLater(given, self._kill_as, _TOLD_TO_STOP, given)

    def order(self, words: str) -> None:
        """Send the child an order; it may no longer listen."""
        if self.process is not None:
            with suppress(KeyError):
                self.process.writeToChild(self._orders, f"{words}\n".encode())

    def _kill_as(self, why: str, seconds: float) -> None:
        title, name = self._keeper.title, self.name
        self._log.error(f"{{title}} ({{name}}) is killed: {why}", title=title, name=name, seconds=seconds)
        self.signal(SIGKILL)

    def _listen(self) -> None:
        """Looks are counted, not seconds: where the parent was stopped as well, it has not read what the child said."""
        self._silent += 1
        if self._silent * LISTEN > self._keeper.silence:
            self._silent = 0
            self._kill_as("it gave no sign of life for {seconds} s", self._keeper.silence)

    def bequeath(self) -> None:
        """Close our copy of its estate: its successor has one, or there is none."""
        if self.estate is not None:
            self.estate.close()
            self.estate = None

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
        elif line == STALE:
            self._keeper.on_stale()
        elif line == DRAINING:
            self._keeper.is_leaving(self)

    def _wrote(self, descriptor: int, line: str) -> None:
        if not self._keeper.is_noise(line):
            self._reader.read(line, "stderr" if descriptor == STDERR else "stdout")

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
        self.bequeath()
        if self.process is not None:
            for descriptor in (*self._lines, self._orders):
                self.process.closeChildFD(descriptor)
        self.process = None
        if not self.ready.called:
            self.ready.callback(None)
        self.ended.callback(None)
        self._keeper.has_ended(self, reason)
