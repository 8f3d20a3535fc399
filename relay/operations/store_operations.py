"""An operator's questions and acts, answered by the store itself."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from relay.model import ids
from relay.model.digests import digest
from relay.model.status import shown_progress
from relay.operations.details import detail_of, row_of
from relay.operations.listings import DEAD, asked, fits, page
from relay.operations.operations import NotPossible, Operations
from relay.operations.overviews import overview, process_status, store_info
from relay.operations.seen import (
    JobDetail,
    JobFilter,
    JobPage,
    LimitStatus,
    Overview,
    ProcessStatus,
    RunningJob,
    ScheduleRow,
)
from relay.operations.store_acts import StoreActs
from relay.store.found import HeldJob, KnownJob, ListedJob
from relay.store.messages import Definitions, JobDefinition
from relay.store.operators import OperatorStore
from relay.store.schedules import ScheduleStatus
from relay.telemetry import snapshot
from relay.telemetry.snapshot import Snapshot

NO_JOB = "there is no such job, or it ended so long ago that nothing of it is kept"


class StoreOperations(StoreActs, Operations):
    """`relay.operations.operations.Operations` on a store."""

    def __init__(self, store: OperatorStore, seconds: Callable[[], float] = time.monotonic) -> None:
        """`seconds`: a clock, to say how long the store takes to answer."""
        super().__init__(store)
        self._seconds = seconds

    # -- to look --

    async def overview(self) -> Overview:
        totals = await self._store.totals()
        began = self._seconds()  # what is away has been missed by now, and is not waited for
        servers = await self._store.servers()
        store = store_info(servers, self._seconds() - began)
        tallies = await self._store.tallies(totals.names)
        busy = await self._store.busy_names() if totals.running else {}
        processes = await self._processes()
        store = msgspec.structs.replace(store, refuses=await self._store.refusal())
        return overview(totals, tallies, busy, processes, store, self._store.room)

    async def _processes(self) -> list[ProcessStatus]:
        told = [(snapshot.decode(told), seen) for _, seen, told in await self._store.processes()]
        return [process_status(found, seen) for found, seen in told if found is not None]

    async def snapshots(self) -> list[Snapshot]:
        told = [snapshot.decode(told) for _, _, told in await self._store.processes()]
        return [found for found in told if found is not None]

    async def running(self, process: str = "", most: int = 1000) -> list[RunningJob]:
        jobs = [_running(held) for held in await self._store.running()]
        mine = [job for job in jobs if process in ("", job.process)]
        return sorted(mine, key=lambda job: (job.started, job.id))[:most]

    async def jobs(self, wanted: JobFilter, most: int = 50, cursor: str = "") -> JobPage:
        if wanted.key:
            return await self._of_key(wanted)
        if not cursor and ids.parse(wanted.id) is not None:  # a whole id, or the beginning of one
            found = await self._of_id(wanted.id, wanted)
            if found.jobs:
                return found
        return await page(self._store, wanted, max(1, min(most, 1000)), cursor)

    async def _of_key(self, wanted: JobFilter) -> JobPage:
        if not (wanted.name and wanted.owner):
            raise NotPossible("a key belongs to a job's name and an owner: name both")
        id = await self._store.id_of_key(digest(wanted.owner, wanted.name, wanted.key))
        return await self._of_id(id, wanted) if id else JobPage([])

    async def _of_id(self, id: str, wanted: JobFilter) -> JobPage:
        known = await self._store.known(id)
        if known is None:
            return JobPage([])
        row = row_of(known, await self._queue_of(known))
        at = row.finished if row.state == DEAD else row.created
        is_meant = asked(wanted).fits(row.id, row.name, row.owner, at)
        listed = ListedJob(lane="", **msgspec.structs.asdict(row))
        return JobPage([row] if is_meant and fits(listed, wanted) else [], looked_at=1)

    async def job(self, id: str) -> JobDetail:
        known = await self._store.known(id)
        if known is None:
            raise NotPossible(NO_JOB)
        return detail_of(known, await self._queue_of(known))

    async def _queue_of(self, known: KnownJob) -> str:
        """Of its name, as declared now."""
        name = known.job.name if known.job else known.standing.name if known.standing else ""
        return (await self._store.tallies([name]))[0].queue if name else ""

    async def schedules(self) -> list[ScheduleRow]:
        return [_schedule(status, served) for status, served in await self._store.schedules()]

    async def limits(self) -> list[LimitStatus]:
        learned = await self._store.learned()
        found = [
            LimitStatus(scope, told.rate.calls, told.rate.window, told.pause)
            for scope, told in learned.items()
        ]
        return [*_declared(await self._store.definitions()), *found]


def _running(held: HeldJob) -> RunningJob:
    process = held.session.rpartition(".")[0]
    said = shown_progress(held.progress)
    return RunningJob(held.id, held.name, process, held.attempt, held.started, said, held.cancelled)


def _schedule(status: ScheduleStatus, served: bool) -> ScheduleRow:
    schedule = status.schedule
    return ScheduleRow(
        name=status.name,
        text=schedule.text if schedule else "?",
        due=max(0, status.due),
        fired=status.fired,
        id=status.id,
        paused=status.paused,
        served=served,
        catch_up=schedule.catch_up if schedule else "",
        timezone=schedule.timezone if schedule else "UTC",
    )


def _declared(known: Definitions) -> list[LimitStatus]:
    """The limits of jobs, by their names."""
    limits = {}
    for text in known.declared.values():
        try:
            declared = msgspec.json.decode(text, type=JobDefinition).limit
        except msgspec.MsgspecError:  # another version of relay wrote it
            continue
        if declared is not None and declared.window:
            limits[declared.name] = LimitStatus(
                f"@{declared.name}", declared.calls, declared.window, learned=False
            )
    return [limits[name] for name in sorted(limits)]
