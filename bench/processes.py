"""Processes that were started here: what they use, and their end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_TICK = 1e6 / os.sysconf("SC_CLK_TCK")  # µs


class Group:
    """Processes with names; each in a session of its own, ended by id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        log = (self._directory / f"{name}.log").open("wb")
        self._started[name] = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            start_new_session=True,
        )

    def signal(self, name: str, number: int) -> None:
        self._started[name].send_signal(number)

    def cpu(self) -> dict[str, float]:
        """µs of CPU that each has used, its children included."""
        return {name: sum(map(_cpu, _family(started.pid))) for name, started in self._started.items()}

    def cpu_by_title(self, name: str) -> dict[str, float]:
        """µs of CPU that each process below one has used, by its title."""
        used: dict[str, float] = {}
        for title, pid in self._below(name):
            used[title] = used.get(title, 0.0) + _cpu(pid)
        return used

    def pids_by_title(self, name: str) -> dict[str, int]:
        """The processes below one, by their titles; of those with the same title one."""
        return dict(self._below(name))

    def _below(self, name: str) -> Iterator[tuple[str, int]]:
        for pid in _family(self._started[name].pid)[1:]:
            title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            yield "redis" if "redis.sock" in title else title.removeprefix("relay "), pid

    def memory(self, name: str) -> int:
        """Bytes that one has for itself, its children included."""
        return sum(map(_private, _family(self._started[name].pid)))

    def memory_of_title(self, name: str, title: str) -> int:
        """The same of the processes below one that have this title."""
        below = _family(self._started[name].pid)[1:]
        return sum(_private(pid) for pid in below if title in Path(f"/proc/{pid}/cmdline").read_text())

    def stop(self) -> None:
        for started in reversed(self._started.values()):
            family = _family(started.pid)
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(15)
            except subprocess.TimeoutExpired:
                for pid in family:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                started.wait()
        self._started.clear()


def free_port() -> int:
    """One that the system gives to no outgoing connection (Linux gives those from 32768 on), and no test takes."""
    for port in random.sample(range(30_000, 32_768), 2_768):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no port is free")


def wait_for_port(port: int, seconds: float = 20) -> None:
    """Until somebody listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            found += map(int, children.split())
    return found


def threads(pid: int, program: str) -> list[int]:
    """Those of the processes below one that run a program."""
    below = [each for each in _family(pid) if Path(f"/proc/{each}/comm").read_text().strip() == program]
    return [int(task.name) for each in below for task in Path(f"/proc/{each}/task").iterdir()]


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK


def _private(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024
