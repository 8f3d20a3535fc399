"""The check of handlers before ``relay all`` starts its workers: ``python -m relay.check``, a process of its own.

Modules of handlers are imported there and not in the supervisor, which is to run no code of theirs: no threads, no
reactor of their choice, nothing that a restart of the workers would not change. The settings come in the environment;
the last line of its output says what is wrong.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

from relay import launch
from relay.reexec import DIRECTORY, FORMAT
from relay.settings import SettingError, Settings, config_path
from relay.store.embedded import NOBODY, NoServer, Owner, find_server

_AGAIN = "_RELAY_AGAIN"  # in the environment: an `_Again`, as JSON
_LONGEST = 60.0  # seconds for a check while relay runs
_REFUSED = 78  # EX_CONFIG: the last line says what is wrong


class Check:
    """The check as its parent has it: it runs while the body of a ``with`` does, the end of which waits for it and
    raises `SettingError`."""

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
                f"no process can be started as the user that twistd is to be: {error}"
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


class Running(msgspec.Struct, frozen=True):
    """A relay that runs: what can't be changed, what it listens on, and the format of what it leaves."""

    redis: str
    data: str
    listen: tuple[str, ...]
    format: int = FORMAT


class _Again(msgspec.Struct, frozen=True):
    given: dict[str, Any]
    running: Running


def again(
    reactor: Any, environment: Mapping[str, str], given: dict[str, Any], running: Running
) -> Deferred[None]:
    """Check what the settings and handlers are by now; `given` are those of the command line. Fails with
    `SettingError`."""
    environment = {**environment, _AGAIN: msgspec.json.encode(_Again(given, running)).decode()}
    program, *arguments = _command()
    ended: Deferred[tuple[bytes, bytes, int]] = getProcessOutputAndValue(
        program, arguments, environment, DIRECTORY, reactor
    )

    def look(result: tuple[bytes, bytes, int]) -> None:
        output, _, status = result
        if status:
            raise _error(status, output.decode("utf-8", "replace").strip().splitlines())

    return ended.addTimeout(_LONGEST, reactor).addErrback(_broke_off).addCallback(look)


def _command() -> list[str]:
    """It ends with this process: modules may hang."""
    launched = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), "0"]
    return [*launched, sys.executable, "-m", "relay.check"]


def _broke_off(failure: Failure) -> NoReturn:
    raise SettingError(f"--jobs: the process that imports them did not end ({failure.value!r})")


def _error(status: int, lines: list[str]) -> SettingError:
    told = lines[-1] if status == _REFUSED and lines else ""
    return SettingError(told or f"--jobs: the process that imported them ended with {status}")


def _as(owner: Owner) -> dict[str, Any]:
    """For a process of this user and group."""
    if owner == NOBODY or os.getuid() != 0:
        return {}
    named = {"user": owner[0], "group": owner[1]}
    return {name: id for name, id in named.items() if id >= 0} | {"extra_groups": []}


def _settings() -> Settings:
    text = os.environ.pop(_AGAIN, "")
    if not text:
        return Settings.read({}, os.environ)
    asked = msgspec.json.decode(text, type=_Again)
    options = {name: value for name, value in asked.given.items() if name != "config"}
    settings = Settings.read(options, os.environ, config_path(asked.given))
    for name in ("redis", "data"):
        if getattr(settings, name) != getattr(asked.running, name):
            raise SettingError(f"--{name} has changed: that takes a stop and a start")
    if asked.running.format != FORMAT:
        raise SettingError("this version can't go on with what that one runs: that takes a stop and a start")
    _can_be_served(settings, asked.running.listen)
    return settings


def _can_be_served(settings: Settings, bound: Sequence[str]) -> None:
    """What the supervisor would stumble over as it goes on: nobody would be left then."""
    from twisted.internet import reactor

    from relay import everything, service, sockets, tap, variables  # noqa: F401
    from twisted.plugins import relay_plugin  # noqa: F401 - what twistd imports before the rest

    variables.check(os.environ)
    service.secrets_of(settings)
    if settings.redis in ("", service.EMBEDDED):
        find_server()  # which could be uninstalled by now
    sockets.bound(reactor, settings, [text for text in settings.listen if text not in bound])


def main() -> None:
    """Leaves without waiting for what the modules may have started."""
    from relay.registry import chosen

    status = 0
    if _AGAIN in os.environ:
        signal.alarm(int(_LONGEST))  # whoever waits for it waits no longer
    try:
        chosen(_settings())
    except (SettingError, NoServer) as error:
        print(f"\n{error}", flush=True)  # noqa: T201 - on a line of its own, for the parent
        status = _REFUSED
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
