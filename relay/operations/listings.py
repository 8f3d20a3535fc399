"""Jobs in pages: which lists of the store have those that are meant, and how a page ends in the middle of a list.

A cursor of a page is ``list.skip.cursor``: the number of the list, how many of the jobs that fit are to be left out
behind the store's cursor, and that.
"""

from __future__ import annotations

import re

import msgspec

from relay.model.state import State
from relay.operations.operations import NotPossible
from relay.operations.seen import JobFilter, JobPage, JobRow
from relay.store.found import ListedJob, Slice, Wanted
from relay.store.sights import Sights

MOST_SLICES = 50  # that are read for one page
LIVE = (State.QUEUED.value, State.SCHEDULED.value, State.RUNNING.value)
DEAD = "dead"
_STATES = {*State, DEAD}
_CURSOR = re.compile(r"([0-9])\.([0-9]{1,9})\.(.*)")
_PARTITION = r"([0-9]{1,4}:"  # and behind it what the store's own cursor there looks like
_SCANNED = re.compile(_PARTITION + r"[0-9]{0,19})?")  # fits 64 bits
_BY_SCORE = re.compile(_PARTITION + r"(-?[0-9]{1,19} [0-9a-z-]+)?)?")
#: what the store's cursors look like, by list
_FORMS = {
    **dict.fromkeys(("all", "rest", "ended"), _SCANNED),
    "running": re.compile(_PARTITION + r"([0-9]{1,19} [0-9]{1,6})?)?"),
    **dict.fromkeys(("scheduled", "untold", "line", "suspects", "dead", "lost"), _BY_SCORE),
}


class Position(msgspec.Struct, frozen=True):
    """Where a page ends: in which list, behind how many jobs of the slice at a cursor."""

    nth: int = 0
    skip: int = 0
    cursor: str = ""

    @property
    def text(self) -> str:
        return f"{self.nth}.{self.skip}.{self.cursor}"


def lists_of(wanted: JobFilter) -> tuple[str, ...]:
    """The lists that have what is meant. Raises `NotPossible` for a state that there is not."""
    if wanted.state and wanted.state not in _STATES:
        raise NotPossible(f"there is no state {wanted.state!r}")
    match wanted.state:
        case "":
            return "all", "ended", "lost"
        case State.QUEUED:
            return ("line", "suspects", "rest") if wanted.name else ("all",)
        case State.RUNNING:
            return "running", "untold"
        case State.SCHEDULED | "dead":
            return (wanted.state,)
    return ("ended",)


def live_lists(wanted: JobFilter) -> tuple[str, ...]:
    """Those of jobs that live. Raises `NotPossible`."""
    if not wanted.state:
        return ("all",)
    if wanted.state not in LIVE:
        raise NotPossible(f"jobs that are {wanted.state} do not live")
    return lists_of(wanted)


def position_of(cursor: str, lists: tuple[str, ...]) -> Position:
    """Raises `NotPossible` for a cursor that is not one of these lists."""
    if not cursor:
        return Position()
    found = _CURSOR.fullmatch(cursor)
    if found is None or int(found[1]) >= len(lists) or not _FORMS[lists[int(found[1])]].fullmatch(found[3]):
        raise NotPossible("this cursor does not belong to such a list")
    return Position(int(found[1]), int(found[2]), found[3])


def asked(wanted: JobFilter) -> Wanted:
    """What the store looks at itself."""
    return Wanted(wanted.name, wanted.owner, wanted.id, wanted.before, wanted.after)


async def slice_at(store: Sights, name: str, wanted: JobFilter, cursor: str) -> Slice:
    """A slice of a list, less what does not fit."""
    what = asked(wanted)
    if name == "ended":
        found = await store.ended(what, cursor)
    elif name in ("dead", "lost"):
        found = await store.died(what, cursor, only=name == "lost")
    else:
        found = await store.live("all" if name == "rest" else name, what, cursor)
    jobs = [job for job in found.jobs if fits(job, wanted) and (name != "rest" or job.lane)]
    return msgspec.structs.replace(found, jobs=jobs)


def fits(job: ListedJob, wanted: JobFilter) -> bool:
    """Whether a job is meant, as far as the store did not look."""
    return (
        wanted.state in ("", job.state)
        and wanted.queue in ("", job.queue)
        and wanted.problem in ("", job.problem)
    )


def behind(at: Position, found: Slice, lists: tuple[str, ...]) -> Position | None:
    """Where the next slice begins; None where there is none."""
    if found.cursor:
        return Position(at.nth, 0, found.cursor)
    return Position(at.nth + 1) if at.nth + 1 < len(lists) else None


async def page(store: Sights, wanted: JobFilter, most: int, cursor: str) -> JobPage:
    """At most so many jobs."""
    lists, jobs, looked_at = lists_of(wanted), list[JobRow](), 0
    at: Position | None = position_of(cursor, lists)
    away: set[int] = set()
    for _ in range(MOST_SLICES):
        if at is None or len(jobs) >= most:
            break
        found = await slice_at(store, lists[at.nth], wanted, at.cursor)
        away.update(found.away)
        some = found.jobs[at.skip : at.skip + most - len(jobs)]
        jobs += map(row_of, some)
        reached = at.skip + len(some)
        if reached < len(found.jobs):
            at = msgspec.structs.replace(at, skip=reached)
        else:
            looked_at += found.looked_at
            at = behind(at, found, lists)
    return JobPage(jobs, at.text if at else "", looked_at, tuple(sorted(away)))


def row_of(job: ListedJob) -> JobRow:
    """A job in a list, as it is shown."""
    times = job.created, job.started, job.finished
    return JobRow(job.id, job.name, job.queue, job.owner, job.state, *times, job.attempts, job.problem)
