"""A child process that was started before this process became another program (``execve``), as Twisted has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.process import Process, ProcessReader, ProcessWriter, registerReapProcessHandler


class AdoptedProcess(Process):
    """The transport of such a child. `pipes` are our ends of its descriptors, by its own; those of `to` are written
    to."""

    def __init__(
        self, reactor: Any, protocol: Any, pid: int, pipes: Mapping[int, int], to: Sequence[int]
    ) -> None:
        self.proto, self._reactor, self.pid = protocol, reactor, pid
        self.pipes: dict[int, Any] = {}
        for its, ours in pipes.items():
            writes = its in to
            self.pipes[its] = (
                ProcessWriter(reactor, self, its, ours, forceReadHack=True)
                if writes
                else ProcessReader(reactor, self, its, ours)
            )
        protocol.makeConnection(self)
        registerReapProcessHandler(pid, self)
