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
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults, succeed
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay import launch

FIRST_PAUSE = 0.05  # seconds before a process that died is started again, doubled each time up to:
LONGEST_PAUSE = 5.0
STEADY = 10.0  # seconds after which a process counts as well, and the pause begins anew
_PATIENCE = 5.0  # seconds beyond the drain until a process that does not stop is killed


class Kept(ProcessProtocol):
    """A process that is started again whenever it ends, until it is stopped.

    `sockets` are handed to it as file descriptors from 3 on.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        name: str,
        command: Callable[[], Sequence[str]],
        environment: Mapping[str, str],
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        self.name = name
        self._reactor = reactor
        self._command = command
        self._environment = dict(environment)
        self._sockets = sockets
        self._pause = FIRST_PAUSE
        self._began = 0.0
        self._process: IProcessTransport | None = None
        self._restart: Any = None
        self._ended: Deferred[None] | None = None
        self._line = b""

    def start(self) -> None:
        launched = [
            sys.executable,
            "-I",
            "-S",
            str(Path(launch.__file__)),
            str(os.getpid()),
            *self._command(),
        ]
        descriptors = {
            0: "w",
            1: "r",
            2: "r",
            **{3 + n: bound.fileno() for n, bound in enumerate(self._sockets)},
        }
        self._began = self._reactor.seconds()
        self._process = self._reactor.spawnProcess(
            self, launched[0], launched, env=self._environment, childFDs=descriptors
        )

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def stop(self, patience: float) -> Deferred[None]:
        """Ask the process to end, insist after `patience` seconds; fires when it has."""
        if self._restart is not None and self._restart.active():
            self._restart.cancel()
        if self._process is None:
            return succeed(None)
        self._ended = Deferred()
        self.signal(signal.SIGTERM)
        insist = self._reactor.callLater(patience, self.signal, signal.SIGKILL)

        def over(result: None) -> None:
            if insist.active():
                insist.cancel()

        return self._ended.addCallback(over)

    def signal(self, number: int) -> None:
        if self._process is not None and self._process.pid is not None:
            self._process.signalProcess(number)

    # -- what its process says --

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._log.info("{name}: {line}", name=self.name, line=line.decode("utf-8", "replace").strip())

    def processEnded(self, reason: Failure) -> None:
        self._process = None
        if self._ended is not None:
            self._ended.callback(None)
            return
        if self._reactor.seconds() - self._began > STEADY:
            self._pause = FIRST_PAUSE
        self._log.error(
            "{name} ended ({why}), started again in {pause} s",
            name=self.name,
            why=reason.getErrorMessage(),
            pause=self._pause,
        )
        self._restart = self._reactor.callLater(self._pause, self.start)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)


class Supervisor(Service):
    """Starts the store first and stops it last; between that, the fronts and workers that need it."""

    _log = Logger()

    def __init__(
        self, store: Kept | None, children: Sequence[Kept], drain: float, release: Callable[[], None]
    ) -> None:
        self._store = store
        self._children = children
        self._patience = drain + _PATIENCE
        self._release = release

    def startService(self) -> None:
        super().startService()
        for kept in self._all():
            kept.start()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        await gatherResults([child.stop(self._patience) for child in self._children])
        if self._store is not None:
            await self._store.stop(_PATIENCE)
        self._release()

    def stop_at_once(self) -> None:
        """End every process now."""
        for kept in self._all():
            kept.signal(signal.SIGTERM if kept is self._store else signal.SIGKILL)

    def _all(self) -> list[Kept]:
        return [*([self._store] if self._store else []), *self._children]
