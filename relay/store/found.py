"""What the store shows to operators: values, which `relay.store.operator_rows` reads.

Times are milliseconds since the epoch by Redis' clock, 0 for none.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from relay.model.job import Job
from relay.model.status import JobStatus, Outcome
from relay.store.messages import DeadJob, PastAttempt

MOST_RUNNING = 10_000  # jobs that are looked at to say what runs


class Wanted(msgspec.Struct, frozen=True):
    """Which jobs are meant; what is "" or 0 excludes none. `prefix`: how ids begin · `before`, `after` (that time
    itself counts): when it was made, of a dead job when it died."""

    name: str = ""
    owner: str = ""
    prefix: str = ""
    before: int = 0
    after: int = 0

    def fits(self, id: str, name: str, owner: str, at: int) -> bool:
        """Whether such a job is meant."""
        what = self.name in ("", name) and self.owner in ("", owner) and id.startswith(self.prefix)
        return what and (not self.before or at < self.before) and at >= self.after


EVERYTHING = Wanted()


class Part(msgspec.Struct, frozen=True):
    """What one partition has. `is_up`: it answered; the others are 0 where it did not."""

    number: int
    is_up: bool = False
    epoch: str = ""
    jobs: int = 0
    running: int = 0
    scheduled: int = 0
    dead: int = 0
    bytes: int = 0


class Totals(msgspec.Struct, frozen=True):
    """How much there is, in those partitions that answer. `names`: those that were served within a day, or have jobs ·
    `stopped`: since when nothing begins, by ``name NAME`` or ``queue QUEUE`` · `untold`: those of the running that have
    ended, which nothing has proved yet, so that nobody is told (durable ones); `oldest_untold`: when the first of them
    did · `parts`: of each partition, by their numbers, where there are several."""

    time: int
    epoch: str
    catalogue: int  # its version
    jobs: int
    running: int
    scheduled: int
    dead: int
    bytes: int
    names: list[str]
    stopped: dict[str, int]
    untold: int = 0
    oldest_untold: int = 0
    parts: tuple[Part, ...] = ()


class NameTally(msgspec.Struct, frozen=True):
    """What waits of one name.

    `queue`: as declared, else of a job that waits, else "" · `oldest`: when the first job was made that is at the front
    of a line · `limited`: those that a limit holds back · `served`: until when a worker has promised to be there.
    """

    name: str
    queue: str
    waiting: int
    oldest: int
    limited: int
    scheduled: int
    dead: int
    served: int


class HeldJob(msgspec.Struct, frozen=True):
    """A job that runs."""

    id: str
    name: str
    session: str
    attempt: int
    started: int
    progress: str
    cancelled: bool


class ListedJob(msgspec.Struct, frozen=True):
    """A job in a list. `state`: a `relay.model.state.State`, or ``dead``; then `finished` is when it died."""

    id: str
    name: str
    queue: str
    owner: str
    lane: str
    state: str
    created: int
    started: int
    finished: int
    attempts: int
    problem: str  # slug


class Slice(msgspec.Struct, frozen=True):
    """Some jobs of many, and the cursor that leads to the next ones, "" where there are none. `away`: the numbers of
    partitions that did not answer, so their jobs are left out."""

    jobs: list[ListedJob]
    cursor: str
    looked_at: int
    away: tuple[int, ...] = ()


class Erased(NamedTuple):
    """What a slice of an erasure has done: how many keys had something of the owner, how many were looked at, the
    cursor for the next slice, "" where that was the last, and the numbers of partitions that did not answer."""

    gone: int
    looked_at: int
    cursor: str
    away: tuple[int, ...] = ()


class KnownJob(msgspec.Struct, frozen=True):
    """All that the store has of one job. `standing` is None for a job that is dead and whose outcome is gone. `job` is
    None for one that neither lives nor is dead."""

    id: str
    standing: JobStatus | Outcome | None
    job: Job | None = None
    deadline: int = 0
    owner: str = ""
    process: str = ""  # that runs it, or ran it last
    due: int = 0
    why: str = ""  # it waits
    history: tuple[PastAttempt, ...] = ()  # before the present attempt, or the last
    waiters: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    dead: DeadJob | None = None
