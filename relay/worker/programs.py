"""Programs that handlers run: each ends with its job, whatever becomes of this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from relay.handlers.finished import Finished
from relay.model.problems.raised import OutputTooLarge
from relay.net.keeper import CONTROL, kept

#: as `IReactorProcess.spawnProcess`
Spawn = Callable[..., Any]
_STREAMS = {0: "w", 1: "r", 2: "r", CONTROL: "w"}
_OWN = ("RELAY_", "_RELAY")  # variables with relay's settings, secrets among them


def no_programs(*_: Any, **__: Any) -> Any:
    """Of a worker that is given nothing to start processes with."""
    raise OSError("this worker starts no processes")


def run(
    spawn: Spawn, command: Sequence[Any], given: bytes, environment: Mapping[str, str] | None, most: int
) -> Deferred[Finished]:
    """Run a program and give it some bytes; what it wrote once it has ended, `most` bytes of it (0 for any number).
    Cancelling the Deferred stops the program. Raises `FileNotFoundError`, `OSError`."""
    if not command:
        raise TypeError("a process needs a command: context.process('convert', '-version')")
    words = [os.fspath(word) for word in command]
    variables = dict(os.environ if environment is None else environment)
    if environment is None:
        variables = {name: value for name, value in variables.items() if not name.startswith(_OWN)}
    path = shutil.which(words[0], path=variables.get("PATH", os.defpath))
    if path is None:
        raise FileNotFoundError(f"there is no program {words[0]!r}")
    running = RunningProgram(bytes(memoryview(given)), most, os.path.basename(path))
    line = kept(path, words)
    spawn(running, line[0], line, variables, childFDs=_STREAMS)
    return running.finished


class RunningProgram(ProcessProtocol):
    """One program. `finished` fires when it has ended and all that it wrote was read."""

    def __init__(self, given: bytes, most: int, name: str) -> None:
        self.finished: Deferred[Finished] = Deferred(lambda _: self._stop())
        self._given = given
        self._most = most
        self._name = name
        self._written = {1: bytearray(), 2: bytearray()}

    def connectionMade(self) -> None:
        self.transport.writeToChild(0, self._given)  # type: ignore[union-attr]
        self.transport.closeChildFD(0)  # type: ignore[union-attr]
        self._given = b""

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if self.finished.called:
            return
        self._written[childFD] += data
        if self._most and sum(map(len, self._written.values())) > self._most:
            self._stop()
            self.finished.errback(
                OutputTooLarge(f"{self._name} wrote more than {self._most} bytes", limit=self._most)
            )

    def processEnded(self, reason: Failure) -> None:
        if self.finished.called:
            return
        code, by = reason.value.exitCode, reason.value.signal  # type: ignore[union-attr]
        output, errors = map(bytes, self._written.values())
        self.finished.callback(Finished(-by if by else code or 0, output, errors))

    def _stop(self) -> None:
        """Have it end; what it writes from now on is of no use."""
        for written in self._written.values():
            written.clear()
        self.transport.closeChildFD(CONTROL)  # type: ignore[union-attr]
