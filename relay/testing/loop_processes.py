"""Programs that handlers run, started on the loop of a test as a reactor starts them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableDescriptor
from twisted.internet.process import Process
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from relay.testing.virtual_loop import VirtualLoop


class LoopProcesses:
    """Starts programs, and has the loop watch what they read and write. Each is out until it has ended."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._reading: dict[Any, int] = {}
        self._writing: dict[Any, int] = {}

    def spawn(
        self,
        protocol: ProcessProtocol,
        executable: str,
        args: Sequence[str],
        env: Mapping[str, str],
        childFDs: Mapping[int, Any],
    ) -> Process:
        """As `IReactorProcess.spawnProcess`."""
        process = Process(self, executable, args, env, None, protocol, childFDs=childFDs)
        ended = self._loop.run_in_executor(None, _wait_for, process.pid)
        ended.add_done_callback(lambda _: process.reapProcess() if process.pid else None)
        return process

    # -- what a process takes for its reactor --

    def addReader(self, selectable: Any) -> None:
        if selectable not in self._reading:
            self._reading[selectable] = selectable.fileno()
            self._loop.add_reader(selectable.fileno(), self._go_on, selectable, selectable.doRead, True)

    def addWriter(self, selectable: Any) -> None:
        if selectable not in self._writing:
            self._writing[selectable] = selectable.fileno()
            self._loop.add_writer(selectable.fileno(), self._go_on, selectable, selectable.doWrite, False)

    def removeReader(self, selectable: Any) -> None:
        descriptor = self._reading.pop(selectable, None)
        if descriptor is not None:
            self._loop.remove_reader(descriptor)

    def removeWriter(self, selectable: Any) -> None:
        descriptor = self._writing.pop(selectable, None)
        if descriptor is not None:
            self._loop.remove_writer(descriptor)

    def callLater(self, delay: float, function: Callable[..., Any], *args: Any) -> Any:
        return self._loop.call_later(delay, function, *args)

    def _go_on(self, selectable: Any, work: Callable[[], Any], reads: bool) -> None:
        why = work()
        if not why:
            return
        self.removeReader(selectable)
        if reads and isinstance(why, ConnectionDone) and IHalfCloseableDescriptor.providedBy(selectable):
            selectable.readConnectionLost(Failure(why))
            return
        self.removeWriter(selectable)
        selectable.connectionLost(Failure(why))


def _wait_for(pid: int) -> None:
    """Until a process has ended; somebody else hears how."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
