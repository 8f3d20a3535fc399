"""What operators see of one partition."""

from __future__ import annotations

from collections import Counter
from itertools import starmap
from typing import Any

from relay.model.problems.request import StoreAway
from relay.redis.connection import Refused
from relay.redis.refusal import says_refusal
from relay.store import codec
from relay.store.found import MOST_RUNNING, HeldJob, NameTally, Totals
from relay.store.messages import Definitions
from relay.store.operator_rows import read_process, read_running, read_tally, read_totals, text
from relay.store.partition import Partition

_PROCESSES, _NAMES = 50, 20  # that one script tells of


async def processes(partition: Partition) -> list[tuple[str, int, bytes]]:
    """The processes that have told it of themselves: name, when (ms), and what."""
    found: list[tuple[str, int, bytes]] = []
    while True:
        rows = await partition.verb("processes", len(found))
        some = [*starmap(read_process, codec.PROCESS.rows(rows))]
        found += some
        if len(some) < _PROCESSES:
            return found


async def totals(partition: Partition) -> tuple[int, Totals]:
    """Its number, and how much it has."""
    now, (row,) = await partition.timed_verb("totals")
    return partition.keys.partition, read_totals(now, partition.epoch, row)


async def tallies(partition: Partition, names: list[str]) -> list[NameTally]:
    """What waits in it of each of these names."""
    found: list[NameTally] = []
    left = names
    while left:
        rows = await partition.verb("tallies", *left[:_NAMES])
        some = [*starmap(read_tally, codec.TALLY.rows(rows))]
        found += some
        left = left[max(1, len(some)) :]
    return found


async def busy_names(partition: Partition) -> Counter[str]:
    """How many of the jobs that run in it have each name."""
    counts: Counter[str] = Counter()
    cursor: Any = 0
    while True:
        cursor, *flat = await partition.verb("busy_names", cursor)
        counts.update({text(name): n for name, n in zip(flat[::2], flat[1::2], strict=True)})
        if cursor == b"0" or counts.total() >= MOST_RUNNING:
            return counts


async def running(partition: Partition) -> list[HeldJob]:
    """The jobs that run in it, at most about `MOST_RUNNING`."""
    found: dict[str, HeldJob] = {}
    cursor: Any = 0
    while True:
        cursor, *rows = await partition.verb("running", cursor)
        found |= {job.id: job for job in starmap(read_running, codec.RUNNING.rows(rows))}
        if cursor == b"0" or len(found) >= MOST_RUNNING:
            return [*found.values()]


async def definitions(partition: Partition) -> Definitions:
    """What workers have published in it."""
    now, (version, rows) = await partition.timed_verb("catalogue")
    return codec.read_catalogue(now, version, rows)


async def refusal(partition: Partition) -> str:
    """What its server says instead of taking a job, "" where it would take one."""
    try:
        await partition.check_writable()
    except StoreAway as error:
        if says_refusal(error.__cause__):
            return str(error.__cause__)
        raise
    return ""


async def info(partition: Partition) -> dict[str, str]:
    """What its server tells of itself (INFO); nothing where it keeps that to itself."""
    try:
        reply = await partition.command("INFO")
    except StoreAway as error:
        if isinstance(error.__cause__, Refused):
            return {}
        raise
    return dict(line.split(":", 1) for line in text(reply).splitlines() if ":" in line)
