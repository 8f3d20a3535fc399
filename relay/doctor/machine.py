"""What this machine has, as far as relay depends on it."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import msgspec

UNLIMITED = 1 << 60
_KERNEL = {
    "somaxconn": "net/core/somaxconn",
    "syn_backlog": "net/ipv4/tcp_max_syn_backlog",
    "overcommit": "vm/overcommit_memory",
}
_PROXIES = frozenset({"nginx", "haproxy", "envoy", "caddy", "traefik", "apache2", "httpd"})
_REDIS = frozenset({"redis-server", "valkey-server"})


class RunningProcess(msgspec.Struct, frozen=True):
    """A process of relay's that runs here: its title, and how many files it may open."""

    pid: int
    title: str
    descriptors: int


class Machine(msgspec.Struct, frozen=True):
    """Bytes and counts; what can't be known is 0. `kernel`: settings by short names · `memory_by`: what bounds it ·
    `proxies`, `redis`: programs that run here."""

    system: str
    python: str
    twisted: str
    cores: int
    descriptors: int
    memory: int
    memory_by: str
    ports: int
    kernel: dict[str, int]
    running: tuple[RunningProcess, ...]
    proxies: tuple[str, ...]
    redis: bool
    began: float = 0.0

    @classmethod
    def look(cls, proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> Machine:
        """Look at this one."""
        names = {name for _, name in _commands(proc)}
        memory, by = _memory(proc, groups)
        return cls(
            system=platform.system(),
            python=platform.python_version(),
            twisted=version("twisted"),
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            descriptors=_own_limit(),
            memory=memory,
            memory_by=by,
            ports=_ports(proc),
            kernel={name: _number(proc / "sys" / path) for name, path in _KERNEL.items()},
            running=tuple(_running(proc)),
            proxies=tuple(sorted(names & _PROXIES)),
            redis=bool(names & _REDIS),
            began=time.time(),
        )


def _own_limit() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED if hard == resource.RLIM_INFINITY else hard


def _memory(proc: Path, groups: Path) -> tuple[int, str]:
    """Bytes that processes like this one may have, and what says so."""
    whole = 0
    with suppress(OSError, ValueError, IndexError):
        whole = int((proc / "meminfo").read_text().split("MemTotal:")[1].split()[0]) << 10
    with suppress(OSError, ValueError):
        group = int((groups / "memory.max").read_text())
        if 0 < group < (whole or UNLIMITED):
            return group, "the control group"
    return whole, "the machine"


def _ports(proc: Path) -> int:
    with suppress(OSError, ValueError):
        first, last = (proc / "sys/net/ipv4/ip_local_port_range").read_text().split()
        return int(last) - int(first) + 1
    return 0


def _number(path: Path) -> int:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return 0


def _commands(proc: Path) -> Iterator[tuple[Path, str]]:
    for path in proc.glob("[0-9]*"):
        with suppress(OSError):
            yield path, (path / "comm").read_text().strip()


def _running(proc: Path) -> Iterator[RunningProcess]:
    """The processes of relay whose limits we may read."""
    for path in sorted(proc.glob("[0-9]*")):
        with suppress(OSError, ValueError, IndexError):
            title = (path / "cmdline").read_bytes().split(b"\0")[0].decode()
            if title in ("relay all", "relay front", "relay worker"):
                hard = (path / "limits").read_text().split("Max open files")[1].split()[1]
                yield RunningProcess(int(path.name), title, UNLIMITED if hard == "unlimited" else int(hard))
