"""Reads what scripts answer to operators: rows of `relay.store.codec`."""

from __future__ import annotations

from itertools import starmap
from typing import Any

import msgspec

from relay.model.job import Job
from relay.model.status import JobStatus, Outcome
from relay.store import codec
from relay.store.found import HeldJob, KnownJob, ListedJob, NameTally, Slice, Totals
from relay.store.messages import DeadJob, PastAttempt
from relay.store.standings import read_standing

_decode_job = msgspec.msgpack.Decoder(Job).decode
_decode_outcome = msgspec.msgpack.Decoder(codec.KeptOutcome).decode
_decode_history = msgspec.msgpack.Decoder(tuple[PastAttempt, ...]).decode


def text(word: bytes) -> str:
    """A word of Redis' as text, whatever it is."""
    return word.decode("utf-8", "replace")


@codec.PROCESS.reads
def read_process(name: bytes, seen: int, told: bytes) -> tuple[str, int, bytes]:
    """A process, when it told of itself, and what."""
    return text(name), seen, told


def read_totals(now: int, epoch: str, row: list[Any]) -> Totals:
    """Of a partition, at a time (ms)."""
    *counts, names, stopped = row
    since = dict(zip(map(text, stopped[::2]), map(int, stopped[1::2]), strict=True))
    catalogue, jobs, running, scheduled, dead, size, *untold = counts
    there = catalogue, jobs, running, scheduled, dead, size
    return Totals(now, epoch, *there, [*map(text, names)], since, *untold)


@codec.TALLY.reads
def read_tally(
    name: bytes,
    queue: bytes,
    waiting: int,
    oldest: int,
    limited: int,
    scheduled: int,
    dead: int,
    served: int,
) -> NameTally:
    """What waits of one name."""
    return NameTally(text(name), text(queue), waiting, oldest, limited, scheduled, dead, served)


@codec.RUNNING.reads
def read_running(
    id: bytes, name: bytes, session: bytes, attempt: int, started: int, progress: bytes, cancelled: int
) -> HeldJob:
    """A job that runs."""
    return HeldJob(text(id), text(name), text(session), attempt, started, text(progress), bool(cancelled))


@codec.LISTED.reads
def read_listed(
    id: bytes,
    name: bytes,
    queue: bytes,
    owner: bytes,
    lane: bytes,
    state: bytes,
    created: int,
    started: int,
    finished: int,
    attempts: int,
    problem: bytes,
) -> ListedJob:
    """A job in a list."""
    times = created, started, finished
    what = text(id), text(name), text(queue), text(owner), text(lane), text(state)
    return ListedJob(*what, *times, attempts, text(problem))


def read_slice(cursor: bytes, looked_at: int, *rows: Any) -> Slice:
    """A list, which may have a job twice."""
    jobs = {job.id: job for job in starmap(read_listed, codec.LISTED.rows(rows))}
    return Slice([*jobs.values()], text(cursor), looked_at)


@codec.DEAD.reads
def read_dead_job(
    id: bytes, died: int, cause: bytes, kept: bytes, sessions: bytes, cut: int, history: bytes
) -> DeadJob:
    """A dead job."""
    job, died_under = _decode_job(kept[2 * codec.STAMP :]), tuple(sessions.decode().split())
    past, created = read_history(history), int(kept[: codec.STAMP])
    return DeadJob(id.decode(), job, died, cause.decode(), died_under, bool(cut), past, created)


def read_history(packed: bytes) -> tuple[PastAttempt, ...]:
    """The attempts of a job, as ``history.lua`` keeps them; b"" for none."""
    return _decode_history(packed) if packed else ()


def read_known(id: str, row: list[Any]) -> KnownJob | None:
    """All that is kept of a job, of a row of `DETAIL`; None for nothing."""
    standing, letter = row[0], row[-1]
    dead = read_dead_job(id.encode(), *letter) if letter else None
    if standing[0] == b"done":
        return _ended(id, standing, dead)
    found = read_standing(id, standing)
    if found is None:
        return KnownJob(id, None, dead.job, owner=dead.job.owner, dead=dead) if dead else None
    return _live(found, *row[1:-1])


def _ended(id: str, standing: list[Any], dead: DeadJob | None) -> KnownJob:
    kept, outcome = _decode_outcome(standing[1]), codec.read_outcome(id, standing[1])
    job = dead.job if dead else None
    return KnownJob(id, outcome, job, owner=kept.owner, process=kept.process, history=kept.history, dead=dead)


def _live(
    found: JobStatus | Outcome,
    kept: bytes,
    session: bytes,
    due: int,
    why: bytes,
    history: bytes,
    waiters: list[bytes],
    children: list[bytes],
) -> KnownJob:
    claim = codec.read_claim(found.id.encode(), kept, 0, 0, 0, b"")
    return KnownJob(
        found.id,
        found,
        claim.job,
        claim.deadline,
        claim.job.owner,
        text(session).rpartition(".")[0],
        due,
        text(why),
        read_history(history),
        tuple(map(text, waiters)),
        tuple(map(text, children)),
    )
