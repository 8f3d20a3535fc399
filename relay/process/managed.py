"""A supervised process: it gets a successor when it ends or begins to drain."""

from __future__ import annotations

import itertools
import math
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from signal import SIGKILL, SIGTERM
from typing import Any

import msgspec
from twisted.internet.defer import gatherResults
from twisted.internet.error import ProcessDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.process.board import Boards
from relay.process.launch import launched
from relay.process.passing import Passing, hung
from relay.process.reexec import ManagedState
from relay.process.spawned import DRAIN, FIRST_SOCKET, STDERR, STDIN, STDOUT, VARIABLE, Child, Handed
from relay.timing.backoff import Backoff
from relay.timing.timers import stop_timer

RESTART = Backoff(0.05, limit=5.0)  # before a process that died is started again
STEADY = 10.0  # seconds after which a process counts as well: its end is a first one


@dataclass(frozen=True, slots=True)
class Program:
    """What is run. Times are seconds.

    `sockets` are handed to it as file descriptors from 3 on. `drain` is how long it has when everything stops,
    `succeeded` when it has a successor. A process that gives no signs of life for `silence` is killed. One that
    `passes_on` shares a socket with its successor. One with `shut_down` is stopped by that alone, and by no signal.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    drain: float
    succeeded: float
    silence: float = math.inf
    sockets: Sequence[socket.socket] = ()
    passes_on: bool = False
    shut_down: Callable[[], None] | None = None
    tells: bool = False  # it tells of itself on a board


class ManagedProcess:
    """A process that gets a successor when it ends or begins to drain, until it is stopped. `on_exit` is called with
    the name of each child that ended."""

    _log = Logger()

    def __init__(self, reactor: Any, role: str, number: int, program: Program) -> None:
        self.role = role
        self.number = number
        self.title = f"{role} {number}" if number else role
        self.on_exit: Callable[[str], None] = lambda name: None
        #: called each time one of its processes can take work
        self.on_ready: Callable[[], None] = lambda: None
        self.on_stale: Callable[[], None] = lambda: None
        #: called each time one of its processes gets a successor: ``exited``, ``killed``, ``replaced``
        self.on_restart: Callable[[str], None] = lambda how: None
        #: where its processes tell of themselves
        self.boards = Boards(reactor.seconds)
        #: which lines of what it writes are left out of the log
        self.is_noise: Callable[[str], bool] = lambda line: False
        self.clock = reactor
        self.silence = program.silence
        self._reactor = reactor
        self._program = program
        self._deaths = 0  # in a row
        #: when the last of its processes was started
        self.began = 0.0
        self._child: Child | None = None  # the one that has no successor
        self._all: dict[Child, None] = {}  # in the order in which they were started
        self._restart: Any = None
        self._stopping = False

    def start(self) -> Child:
        """Start a process; it succeeds the one before, if any."""
        program, former = self._program, self._last_with_estate()
        control = FIRST_SOCKET + len(program.sockets)
        if self._child is not None:
            self.on_restart("replaced")
        child = self._child = Child(self, control, control + 1)
        descriptors: dict[int, Any] = {STDIN: "w", STDOUT: "r", STDERR: "r", control: "r", control + 1: "w"}
        descriptors |= {FIRST_SOCKET + n: bound.fileno() for n, bound in enumerate(program.sockets)}
        self.began = self._reactor.seconds()
        self._all[child] = None
        try:
            with Passing(child, former, program.passes_on) as passing:
                handed = Handed(child.name, len(program.sockets), control, control + 1, title=self.title)
                if program.tells:
                    child.board = self.boards.make(child.name)
                    handed = hung(descriptors, handed, child.board)
                handed = passing.add_to(descriptors, handed)
                child.begun(self._spawn(child, descriptors, handed))
        except Exception as error:  # no process, no memory, no descriptor is left
            child.processEnded(Failure(error))
        return child

    def _last_with_estate(self) -> Child | None:
        return next((child for child in reversed(self._all) if child.estate is not None), None)

    def _spawn(self, child: Child, descriptors: dict[int, Any], handed: Handed) -> Any:
        program = self._program
        command = launched(list(program.command), sheltered=program.shut_down is not None)
        environment = {**program.environment, VARIABLE: msgspec.json.encode(handed).decode()}
        return self._reactor.spawnProcess(child, command[0], command, env=environment, childFDs=descriptors)

    def adopt(self, state: ManagedState) -> None:
        """Go on with processes that run already. Call it before `start`."""
        for each in state.children:
            child = Child.adopted(self, self._reactor, each)
            self.boards.hang(child.name, child.board)
            self._all[child] = None
            self._child = child
        if not state.has_current:
            self._child = None
        self.began = state.began

    def state(self) -> ManagedState:
        """The running processes, for a supervisor that restarts."""
        states = [state for child in self._all if (state := child.state()) is not None]
        return ManagedState(self.role, self.number, self._child is not None, self.began, states)

    def has_process(self) -> bool:
        """Whether a process runs that has no successor."""
        return self._child is not None

    def can_work(self) -> bool:
        """Whether a process runs that is ready, and was not told to leave."""
        return any(child.ready.called and not child.leaving for child in self._all)

    async def replace(self) -> None:
        """Start a successor; the present process leaves when the successor is ready."""
        if not self._stopping:
            await self.start().ready

    async def stop(self) -> None:
        """Ask the processes to end."""
        await self._end(list(self._all), self._program.drain)

    async def retire(self) -> None:
        """End these processes because they are no longer wanted: they leave as if they had a successor."""
        await self._end([child for child in self._all if not child.leaving], self._program.succeeded)

    async def _end(self, told: Sequence[Child], seconds: float) -> None:
        """Ask some to leave, and wait for all; none has a successor any more."""
        self._stopping = True
        stop_timer(self._restart)
        ending = gatherResults([child.ended for child in self._all])
        for child in told:
            child.bequeath()
            child.leave(seconds)
        await ending

    def signal(self, number: int) -> None:
        for child in self._all:
            child.signal(number)

    def shut_down(self) -> None:
        """Have a program that knows how end by itself; one that does not listen is killed."""
        try:
            if self._program.shut_down is not None:
                self._program.shut_down()
        except OSError:
            self.signal(SIGKILL)

    # -- what its processes do --

    def ask(self, child: Child, seconds: float) -> None:
        """Tell a child to leave within `seconds`."""
        if self._program.shut_down is not None:
            self.shut_down()
            return
        child.order(f"{DRAIN} {seconds}")
        if not child.ready.called:  # it may hang in an import, and hears no orders
            child.signal(SIGTERM)

    def is_ready(self, child: Child) -> None:
        """The process before it can go."""
        self.on_ready()
        for former in itertools.takewhile(lambda each: each is not child, list(self._all)):
            if not former.leaving:
                former.leave(self._program.succeeded)

    def is_leaving(self, child: Child) -> None:
        """A child drains, by whomever it was told to: its successor takes over. One that gives up before it was ready
        has its successor when it has ended, after a pause."""
        if self._stopping or not child.ready.called:
            child.bequeath()
            if not child.leaving:
                child.leave(self._program.drain)
            return
        if child is self._child:
            self.start()
        if not child.leaving:
            child.leave(self._program.succeeded)

    def has_ended(self, child: Child, reason: Failure) -> None:
        """A process has ended: it has a successor soon, unless it has one, or this place is given up."""
        self._all.pop(child, None)
        self.boards.take_down(child.name)
        self.on_exit(child.name)
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
        self.on_restart("killed" if getattr(reason.value, "signal", None) else "exited")
        if self._reactor.seconds() - self.began > STEADY:
            self._deaths = 0
        self._deaths += 1
        pause = RESTART.pause(self._deaths)
        self._log.error(
            "{title} ended ({why}), started again in {pause} s (it was {name})",
            title=self.title,
            name=child.name,
            why=reason.getErrorMessage(),
            pause=pause,
        )
        self._restart = self._reactor.callLater(pause, self.start)
