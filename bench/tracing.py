"""Which process ran on a processor, from when until when, and who woke it: as Linux tells, by way of perf."""

from __future__ import annotations

import re
import subprocess
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_WAITED = ("syscalls:sys_exit_epoll_wait", "syscalls:sys_exit_epoll_pwait")
_EVENTS = ",".join(("sched:sched_switch", "sched:sched_waking", *_WAITED))
_LINE = re.compile(r"\s*(\d+) +(\d+)\.(\d{9}): +\w+:(\w+): (.*)")
_SWITCH = re.compile(r"prev_pid=(\d+) .* ==> .*next_pid=(\d+)")
_WAKING = re.compile(r"comm=.* pid=(\d+) prio=")


@dataclass(eq=False)
class Stay:
    """A process on a processor, µs. Who woke it, and when; `waker` is "" if it was another than those that are
    looked at, and `woken` is None if it had been taken from its processor before, and so did not have to be woken."""

    name: str
    begin: float
    end: float = 0.0
    woken: float | None = None
    waker: str = ""


@dataclass
class Trace:
    """The stays of each process by their beginning, from one time until another (µs)."""

    begin: float
    end: float
    stays: dict[str, list[Stay]] = field(default_factory=dict)

    def at(self, name: str, time: float) -> Stay | None:
        """The stay of a process that had begun last at a time."""
        stays = self.stays.get(name, [])
        before = bisect_right(stays, time, key=lambda stay: stay.begin)
        return stays[before - 1] if before else None

    def before(self, stay: Stay) -> Stay | None:
        """The one before it of the same process."""
        stays = self.stays[stay.name]
        nth = bisect_left(stays, stay.begin, key=lambda other: other.begin)
        return stays[nth - 1] if nth else None


def why_not() -> str:
    """Why this machine can't tell; "" if it can."""
    try:
        record(0.01)
    except FileNotFoundError:
        return "perf is not here: apt-get install linux-perf"
    except subprocess.CalledProcessError as error:
        said = str(error.stderr).strip().splitlines()
        return f"perf may not see the scheduler's events here: {said[0] if said else error}"
    return ""


def record(seconds: float) -> list[str]:
    """What the scheduler does from now on, a line for each event."""
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as directory:
        data = str(Path(directory) / "perf.data")
        command = ["perf", "record", "-q", "-a", "-m", "2048", "-e", _EVENTS, "-o", data]
        _run(*command, "sleep", str(seconds))
        return _run("perf", "script", "-i", data, "--ns", "-F", "tid,time,event,trace").splitlines()


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def read(lines: Iterable[str], names: Mapping[int, str]) -> Trace:
    """The stays of threads that have names. Some kernels do not tell who follows an idle processor's rest, so a stay
    has begun at the latest when its thread does something."""
    reader = _Reader(names)
    for found in filter(None, map(_LINE.match, lines)):
        thread, seconds, nanoseconds, kind, rest = found.groups()
        reader.take(int(thread), int(seconds) * 1e6 + int(nanoseconds) / 1e3, kind, rest)
    if not reader.times:
        raise ValueError("perf has seen nothing")
    return Trace(reader.times[0], reader.times[-1], reader.stays)


class _Reader:
    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._running: dict[int, Stay] = {}
        self._woken: dict[int, tuple[float, str]] = {}
        self.stays: dict[str, list[Stay]] = {name: [] for name in names.values()}
        self.times: list[float] = []

    def take(self, thread: int, time: float, kind: str, rest: str) -> None:
        self.times.append(time)
        if kind == "sched_switch":
            old, new = _matched(_SWITCH, rest)
            self._end(old, time)
            self._begin(new, time)
            return
        self._begin(thread, time)
        if kind == "sched_waking":
            (target,) = _matched(_WAKING, rest)
            if target not in self._running:
                self._woken.setdefault(target, (time, self._names.get(thread, "")))

    def _begin(self, thread: int, time: float) -> None:
        if thread in self._names and thread not in self._running:
            woken, waker = self._woken.pop(thread, (None, ""))
            self._running[thread] = Stay(self._names[thread], time, time, woken, waker)

    def _end(self, thread: int, time: float) -> None:
        if stay := self._running.pop(thread, None):
            stay.end = time
            self.stays[stay.name].append(stay)


def _matched(pattern: re.Pattern[str], text: str) -> list[int]:
    found = pattern.search(text)
    if found is None:
        raise ValueError(f"perf says {text!r}")
    return list(map(int, found.groups()))
