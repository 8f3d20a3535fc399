"""The processes of ``relay all``: each is kept alive, runs in its own session, and is stopped in due order."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay import launch
from relay.errors import RelayError
from relay.store.partition import random_name
from relay.store.store import Store

FIRST_PAUSE = 0.05  # seconds before a process that died is started again, doubled each time up to:
LONGEST_PAUSE = 5.0
STEADY = 10.0  # seconds after which a process counts as well, and the pause begins anew
_PATIENCE = 5.0  # seconds beyond the drain until a process that does not stop is killed
_REAP_PAUSE = 0.2  # seconds between attempts to reap, while Redis is away
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


class Supervisor(Service):
    """Starts the store first and stops it last; between that, the fronts and workers that need it. Whatever a child
    held when it ended goes back at once."""

    _log = Logger()

    def __init__(
        self, reactor: Any, redis: Kept | None, children: Sequence[Kept], store: Store, drain: float
    ) -> None:
        self._reactor = reactor
        self._redis = redis
        self._children = children
        self._store = store
        self._patience = drain + _PATIENCE
        self._restarting: Deferred[None] | None = None
        #: called when all is over
        self.release: Callable[[], None] = lambda: None
        for child in children:
            child.buried = self._reap_soon

    def startService(self) -> None:
        super().startService()
        if self._redis is not None:
            self._redis.start()
        self._store.start()
        for child in self._children:
            child.start()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        await gatherResults([ensureDeferred(child.stop(self._patience)) for child in self._children])
        await self._store.stop()
        if self._redis is not None:
            await self._redis.stop(_PATIENCE)
        self.release()

    def stop_at_once(self) -> None:
        """End every process now."""
        for child in self._children:
            child.signal(signal.SIGKILL)
        if self._redis is not None:
            self._redis.signal(signal.SIGTERM)

    def restart(self) -> None:
        """Replace fronts and workers one by one, each by a successor that is ready before it leaves."""
        if self._restarting is None:
            self._restarting = ensureDeferred(self._restart()).addBoth(self._restarted)

    async def _restart(self) -> None:
        for child in self._children:
            self._log.info("{title} is replaced", title=child.title)
            await child.replace()

    def _restarted(self, result: Any) -> None:
        self._restarting = None
        if isinstance(result, Failure):
            self._log.failure("the restart broke off", result)

    # -- children that ended --

    def _reap_soon(self, name: str) -> None:
        ensureDeferred(self._reap(name)).addErrback(
            lambda failure: self._log.failure("reaping failed", failure)
        )

    async def _reap(self, name: str) -> None:
        while self.running:
            try:
                back = await self._store.reap(name)
            except RelayError:
                await deferLater(self._reactor, _REAP_PAUSE)
                continue
            if back:
                self._log.warn("{count} jobs of {name} go back", count=len(back), name=name)
            return
