"""The check of handlers before ``relay all`` starts its workers or restarts in place: the supervisor's side.

Modules of handlers are imported in another process (`relay.process.checking`). The supervisor must not run their code:
no threads, no reactor of their choice, nothing that a restart of the workers would not change.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NoReturn

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

from relay.model.settings import SettingError
from relay.process.launch import launched
from relay.process.reexec import DIRECTORY, FORMAT
from relay.redis.embedded import NOBODY, Owner

AGAIN = "_RELAYAGAIN"  # in the environment: an `Again`, as JSON
LONGEST = 60.0  # seconds for a check while relay runs
REFUSED = 78  # EX_CONFIG: the last line says what is wrong


class Check:
    """The running check, seen by its parent. It runs during the body of a ``with``; the end of the body waits for it
    and raises `SettingError`."""

    def __init__(self, environment: Mapping[str, str], owner: Owner = NOBODY) -> None:
        #: not a pipe: what the modules start may hold on to it
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the exit
        try:
            self._process = subprocess.Popen(
                _command(),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                **_as(owner),
            )
        except OSError as error:
            raise SettingError(
                f"no process can be started as the user of twistd's --uid and --gid: {error}"
            ) from error

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is not None:
            self._process.kill()
        status = self._process.wait()
        with self._output as output:
            output.seek(0)
            lines = output.read().decode("utf-8", "replace").strip().splitlines()
        if error is None and status:
            raise _error(status, lines)


class Present(msgspec.Struct, frozen=True):
    """The running relay: the settings that can't change, what it listens on, and the format of its state."""

    redis: str
    data: str
    listen: tuple[str, ...]
    format: int = FORMAT


class Again(msgspec.Struct, frozen=True):
    """The question to the process: the settings of the command line, and the running relay."""

    given: dict[str, Any]
    running: Present


def again(
    reactor: Any, environment: Mapping[str, str], given: dict[str, Any], running: Present
) -> Deferred[None]:
    """Check the present settings and handlers; `given` are the settings of the command line. Fails with
    `SettingError`."""
    environment = {**environment, AGAIN: msgspec.json.encode(Again(given, running)).decode()}
    program, *arguments = _command()
    ended: Deferred[tuple[bytes, bytes, int]] = getProcessOutputAndValue(
        program, arguments, environment, DIRECTORY, reactor
    )

    def look(result: tuple[bytes, bytes, int]) -> None:
        output, _, status = result
        if status:
            raise _error(status, output.decode("utf-8", "replace").strip().splitlines())

    return ended.addTimeout(LONGEST, reactor).addErrback(_broke_off).addCallback(look)


def _command() -> list[str]:
    """It ends with this process: modules may hang."""
    return launched([sys.executable, "-m", "relay.process.checking"])


def _broke_off(failure: Failure) -> NoReturn:
    raise SettingError(f"--jobs: the process that imports the handlers did not end ({failure.value!r})")


def _error(status: int, lines: list[str]) -> SettingError:
    told = lines[-1] if status == REFUSED and lines else ""
    return SettingError(told or f"--jobs: the process that imports the handlers ended with status {status}")


def _as(owner: Owner) -> dict[str, Any]:
    """For a process of this user and group."""
    if owner == NOBODY or os.getuid() != 0:
        return {}
    named = {"user": owner[0], "group": owner[1]}
    return {name: id for name, id in named.items() if id >= 0} | {"extra_groups": []}
