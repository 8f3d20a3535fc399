"""What an operator can ask of a relay and do to it, whether through the store or through an admin listener."""

from __future__ import annotations

from typing import Protocol

from relay.model.problems.base import RelayError
from relay.operations.seen import (
    Done,
    JobDetail,
    JobFilter,
    JobPage,
    LimitStatus,
    Overview,
    RunningJob,
    ScheduleRow,
)
from relay.telemetry.snapshot import Snapshot


class NotPossible(RelayError):
    """What was asked for can't be done, as `detail` says: there is no such job, or it has ended already."""

    status, slug, title = 409, "not-possible", "That can't be done"


class Operations(Protocol):
    """Each raises `NotPossible`, and `StoreAway` where the store does not answer. Those that end in ``_some`` do one
    slice of a long work, and are called again with the cursor that they answered, "" first, until it is "" again."""

    # -- to look --

    async def overview(self) -> Overview:
        """All names, queues and processes, and the store, at one moment. Counts of a name with many lanes, or where
        many thousand jobs run, are about right."""

    async def running(self, process: str = "", most: int = 1000) -> list[RunningJob]:
        """What workers, or one of them, run now; what began first stands first."""

    async def jobs(self, wanted: JobFilter, most: int = 50, cursor: str = "") -> JobPage:
        """Jobs that live, have ended and are kept, or are dead; a page may have fewer than `most`, or none."""

    async def job(self, id: str) -> JobDetail:
        """All that is known of one job."""

    async def schedules(self) -> list[ScheduleRow]:
        """All schedules, by name."""

    async def limits(self) -> list[LimitStatus]:
        """The limits that jobs declare, then what was learned."""

    async def snapshots(self) -> list[Snapshot]:
        """What each process told of itself last."""

    # -- to act --

    async def cancel(self, id: str) -> str:
        """The job's state now."""

    async def retry(self, id: str) -> str:
        """Run a dead job again; the new job's id. It is no dead job any more."""

    async def delete(self, id: str) -> None:
        """Delete a dead job, or the outcome of one that has ended."""

    async def retry_some(self, wanted: JobFilter, cursor: str = "") -> Done:
        """Run dead jobs again."""

    async def delete_some(self, wanted: JobFilter, cursor: str = "") -> Done:
        """Delete dead jobs."""

    async def cancel_some(self, wanted: JobFilter, cursor: str = "") -> Done:
        """Cancel live jobs; it purges a queue."""

    async def erase_some(self, owner: str, cursor: str = "") -> Done:
        """Delete all that is kept of an owner: outcomes, keys, dead jobs; cancel its live jobs. To be repeated until a
        whole round finds nothing."""

    async def pause_name(self, name: str, on: bool) -> None:
        """Have jobs of this name start no more, or again; those that run go on."""

    async def pause_queue(self, queue: str, on: bool) -> None:
        """The same of all names of a queue, also of those that come into it later."""

    async def pause_schedule(self, name: str, on: bool) -> None:
        """Have the schedule of a job fire no more, or again."""

    async def fire(self, name: str) -> str:
        """Run the job of a schedule now: its id."""

    async def forget(self, scope: str) -> None:
        """Let what was learned of a limit count no more."""

    async def quiet(self, process: str, on: bool) -> None:
        """Have a worker claim nothing more (its jobs go on), or go on."""
