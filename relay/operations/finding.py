"""What is found to be wrong with a relay, in words."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from relay.operations.minute import Minute
from relay.operations.seen import Overview, ProcessStatus

BAD, WARNING, NOTE = "bad", "warning", "note"
SILENT = 15.0  # seconds without a word of a process, which tells of itself every 5


class Finding(msgspec.Struct, frozen=True):
    """Something that an operator should know. `level`: ``bad`` (clients or jobs suffer), ``warning`` (they will), or
    ``note`` (it is meant to be so, and easily forgotten). `where`: ``queue:mail``,
    ``name:report``, ``process:w…``, ``partition:2`` or ``caller:token:shop``; "" for the whole relay."""

    level: str
    what: str
    remedy: str
    where: str = ""


class Looks(NamedTuple):
    """A relay now, as it was at the look before (None for the first), and what its processes counted lately."""

    now: Overview
    before: Overview | None
    minute: Minute = Minute()


def living(overview: Overview, role: str) -> list[ProcessStatus]:
    """The processes of a role that told of themselves lately."""
    return [
        process
        for process in overview.processes
        if process.role == role and seconds_since(process.seen, overview) < SILENT
    ]


def seconds_since(time: int, overview: Overview) -> float:
    """Seconds that have passed since a time (ms) as Redis counts; 0 for none."""
    return max(0, overview.time - time) / 1000 if time else 0.0


def jobs_of(count: int) -> str:
    """A number of jobs, in words."""
    return "1 job" if count == 1 else f"{count:,} jobs"


def process_of(process: ProcessStatus) -> str:
    """A process, as a log and a person call it."""
    return f"{process.title} on {process.host}" if process.host else process.title


def time_of(seconds: float) -> str:
    """How long something takes, about."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
