"""A supervisor that restarts in place: the same process, with new code and new settings (``execve``).

Its children, Redis and its listening sockets stay. Their state is in a file without a name, whose descriptor is in the
environment. So relay itself is upgraded without refusing a connection.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from relay.process.launch import SIGNALS

#: in the environment: the descriptor of a file with an `Inherited`, as JSON, which may be too long for a variable
VARIABLE = "_RELAY_INHERITED"
FORMAT = 2  # of `Inherited`: another is not read
DIRECTORY, _PID = os.getcwd(), os.getpid()  # as this process began: twistd may change both
_PID_FILE = re.compile(r"--pid\w*(?:=(.*))?")


class ChildState(msgspec.Struct, frozen=True):
    """A child that runs. `pipes` are our ends of its descriptors, by its own; `killed_at` is by the monotonic clock."""

    name: str
    pid: int
    control: int
    orders: int
    pipes: dict[int, int]
    is_ready: bool
    is_leaving: bool
    killed_at: float | None
    estate: int = -1
    unread: dict[int, bytes] = {}  # the beginning of a line that it writes, by its descriptors
    pieces: dict[str, str] = {}  # of records in its log
    board: int = -1  # where it tells of itself


class ManagedState(msgspec.Struct, frozen=True):
    """The processes of one place: the last of them is the one without a successor, if `has_current`."""

    role: str
    number: int
    has_current: bool
    began: float  # when the last of them was started, by the monotonic clock
    children: list[ChildState]


class Inherited(msgspec.Struct, frozen=True):
    """The state that a supervisor leaves to itself."""

    sockets: list[tuple[str, int]]  # endpoint and descriptor
    kept: list[ManagedState]
    buried: list[tuple[str, str]]  # title and name of ended children whose jobs were not given back yet
    lock: int = -1  # of the embedded Redis' directory, and its socket
    redis: str = ""

    def take_socket(self, description: str) -> socket.socket | None:
        """The socket that was bound for an endpoint, once."""
        for given in self.sockets:
            if given[0] == description:
                self.sockets.remove(given)
                return socket.socket(fileno=given[1])
        return None

    def take_kept(self, role: str, number: int) -> ManagedState | None:
        """The state of one place, which is taken out."""
        for state in self.kept:
            if (state.role, state.number) == (role, number):
                self.kept.remove(state)
                return state
        return None

    def descriptors(self) -> list[int]:
        """All that have to stay open."""
        children = [child for state in self.kept for child in state.children]
        found = [
            descriptor
            for child in children
            for descriptor in (*child.pipes.values(), child.estate, child.board)
        ]
        found += [descriptor for _, descriptor in self.sockets]
        return [descriptor for descriptor in (*found, self.lock) if descriptor >= 0]


def inherited(environment: MutableMapping[str, str] = os.environ) -> Inherited | None:
    """The state that this supervisor left to itself, if it was restarted."""
    text = environment.pop(VARIABLE, "")
    if not text:
        return None
    with os.fdopen(int(text), "rb") as file:
        found = msgspec.json.decode(file.read(), type=Inherited)
    for descriptor in found.descriptors():
        os.set_inheritable(descriptor, False)
    return found


def go_on(left: Inherited) -> NoReturn:
    """Restart this process in place. Raises `OSError` if that fails; nothing has changed then."""
    now = os.getcwd()
    written = _written(msgspec.json.encode(left))
    descriptors = [*left.descriptors(), written]
    named = _pid_file_of_ours()
    sys.stdout.flush()
    sys.stderr.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        os.chdir(DIRECTORY)
        if named is not None:
            named.unlink()  # it would keep us from starting
        environment = {**os.environ, VARIABLE: str(written)}
        os.execve(sys.executable, arguments(os.getpid() != _PID), environment)
    finally:
        if named is not None and not named.exists():
            named.write_text(str(os.getpid()))
        os.chdir(now)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        os.close(written)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def begin_anew() -> NoReturn:
    """Become this program once more, with nothing of what it had."""
    named = _pid_file_of_ours()
    if named is not None:
        named.unlink()  # it would keep us from starting
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(DIRECTORY)
    os.execv(sys.executable, arguments(os.getpid() != _PID))


def _pid_file_of_ours() -> Path | None:
    """twistd's, if it names this process."""
    path = pid_file(sys.argv)
    with suppress(OSError, ValueError):
        if int(path.read_text()) == os.getpid():
            return path
    return None


def _written(data: bytes) -> int:
    """The descriptor of a file without a name, to be read from its beginning."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("relay")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    with os.fdopen(descriptor, "wb", closefd=False) as writing:
        writing.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def arguments(is_daemon: bool) -> list[str]:
    """The command line of this process, for another time; a daemon is one already."""
    given = sys.orig_argv[1:]
    if is_daemon:
        before = len(given) - len(sys.argv) + 1
        given[before:before] = ["--nodaemon", "--logfile=twistd.log"]
    return [sys.executable, *given]


def pid_file(argv: Sequence[str]) -> Path:
    """Where twistd was told to write its id."""
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        if found := _PID_FILE.fullmatch(word):
            return Path(DIRECTORY, following if found[1] is None else found[1])
    return Path(DIRECTORY, "twistd.pid")
