"""What operators see of the store in memory."""

from __future__ import annotations

from collections import Counter

from relay.model.job import Job
from relay.model.problems.slugs import slug_of
from relay.model.state import State
from relay.model.status import Outcome
from relay.store.found import EVERYTHING, HeldJob, KnownJob, ListedJob, NameTally, Slice, Totals, Wanted
from relay.store.memory.dataset import ANYONE
from relay.store.memory.record import EndedJob, LiveJob, process_of
from relay.store.memory.store import MemoryStore
from relay.store.messages import DeadJob, Definitions, Why
from relay.store.sights import Sights


class MemorySights(Sights):
    """`Sights` in memory: a slice has all there is."""

    store: MemoryStore

    async def processes(self) -> list[tuple[str, int, bytes]]:
        return self.store.processes.all()

    async def totals(self) -> Totals:
        data = self.store.data
        jobs, dead, known = data.jobs.values(), data.dead_jobs.values(), data.served.catalogue()
        states = Counter(live.state for live in jobs)
        names = {*known.declared, *(live.job.name for live in jobs), *(each.job.name for each in dead)}
        return Totals(
            time=data.now(),
            epoch=self.store.epoch,
            catalogue=known.version,
            jobs=len(jobs),
            running=states[State.RUNNING],
            scheduled=states[State.SCHEDULED],
            dead=len(dead),
            bytes=sum(live.size for live in jobs),
            names=sorted(names),
            stopped=dict(data.stopped.all),
        )

    async def tallies(self, names: list[str]) -> list[NameTally]:
        return [self._tally(name) for name in names]

    def _tally(self, name: str) -> NameTally:
        data, lanes = self.store.data, self.store.turns.lanes
        jobs = [live for live in data.jobs.values() if live.job.name == name]
        waiting = [live for live in jobs if live.state is State.QUEUED]
        first = min(waiting, key=lambda live: live.created, default=None)
        return NameTally(
            name=name,
            queue=data.served.queue(name) or (first.job.queue if first else ""),
            waiting=len(waiting),
            oldest=first.created if first else 0,
            limited=sum(lanes.is_shut(live.line) for live in waiting),
            scheduled=sum(live.state is State.SCHEDULED for live in jobs),
            dead=sum(dead.job.name == name for dead in data.dead_jobs.values()),
            served=data.served.until(name),
        )

    async def busy_names(self) -> dict[str, int]:
        return dict(Counter(live.job.name for live in self.store.data.jobs.values() if live.run))

    async def running(self) -> list[HeldJob]:
        return [
            HeldJob(
                live.id,
                live.job.name,
                live.run.session,
                live.run.attempt,
                live.run.started,
                live.progress,
                live.cancelled,
            )
            for live in self.store.data.jobs.values()
            if live.run
        ]

    async def known(self, id: str) -> KnownJob | None:
        data = self.store.data
        live, ended, dead = data.jobs.get(id), data.ended(id), data.dead_jobs.get(id)
        if live is not None:
            return self._live(live)
        if ended is not None:
            job, known = dead.job if dead else None, (ended.process, ended.history)
            return KnownJob(
                id, ended.outcome, job, owner=ended.owner, process=known[0], history=known[1], dead=dead
            )
        return KnownJob(id, None, dead.job, owner=dead.job.owner, dead=dead) if dead else None

    def _live(self, live: LiveJob) -> KnownJob:
        data = self.store.data
        return KnownJob(
            live.id,
            data.standing(ANYONE, live.id),
            live.job,
            live.deadline,
            live.job.owner,
            process_of(live.run.session) if live.run else "",
            live.due,
            "" if live.run else self._why(live),
            tuple(live.history),
            tuple(live.inboxes),
            tuple(other.id for other in data.jobs.values() if other.job.parent == live.id),
        )

    def _why(self, live: LiveJob) -> str:
        data, name = self.store.data, live.job.name
        if live.state is State.SCHEDULED:
            return Why.DELAYED
        if data.stopped.since(name):
            return Why.PAUSED
        if not any(name in session.marks for session in self.store.sessions.all()):
            return Why.UNSERVED
        if live.suspected:
            return Why.SUSPECTED
        return Why.LIMITED if self.store.turns.lanes.is_shut(live.line) else Why.FULL

    async def live(self, source: str, wanted: Wanted = EVERYTHING, cursor: str = "") -> Slice:
        jobs = [*self.store.data.jobs.values()]
        if source == "running":
            jobs = [live for live in jobs if live.run]
        elif source == "scheduled":
            late = [live for live in jobs if live.state is State.SCHEDULED]
            jobs = sorted(late, key=lambda live: (live.due, live.id))
        elif source == "untold":
            jobs = []  # they are told at once
        elif source == "line":
            line = [live for live in self.store.data.waiting() if not live.job.lane]
            jobs = [live for live in line if live.job.name == wanted.name]
        elif source == "suspects":
            jobs = self.store.data.waiting(suspected=True)
        return _slice([_of_live(live, self._queue(live.job)) for live in jobs], wanted)

    async def ended(self, wanted: Wanted = EVERYTHING, cursor: str = "") -> Slice:
        data = self.store.data
        return _slice(
            [_of_ended(each, data.served.queue(each.outcome.name)) for each in data.all_ended()], wanted
        )

    async def died(self, wanted: Wanted = EVERYTHING, cursor: str = "", only: bool = False) -> Slice:
        data = self.store.data
        dead = [each for each in data.dead_jobs.values() if not only or data.ended(each.id) is None]
        return _slice([_of_dead(each, self._queue(each.job)) for each in reversed(dead)], wanted)

    def _queue(self, job: Job) -> str:
        return self.store.data.served.queue(job.name) or job.queue

    async def definitions(self) -> Definitions:
        return self.store.data.served.catalogue()

    async def id_of_key(self, digest: str) -> str:
        found = self.store.data.by_key(digest)
        return found[0] if found else ""

    async def refusal(self) -> str:
        return ""

    async def servers(self) -> list[dict[str, str]]:
        return [{}]


def _slice(jobs: list[ListedJob], wanted: Wanted) -> Slice:
    return Slice([job for job in jobs if _is_wanted(job, wanted)], "", len(jobs))


def _is_wanted(job: ListedJob, wanted: Wanted) -> bool:
    at = job.finished if job.state == "dead" else job.created
    return wanted.fits(job.id, job.name, job.owner, at)


def _of_live(live: LiveJob, queue: str) -> ListedJob:
    job, status = live.job, live.standing(0)
    times = live.created, status.started, 0
    return ListedJob(
        live.id, job.name, queue, job.owner, job.lane, live.state.value, *times, status.attempts, ""
    )


def _of_ended(ended: EndedJob, queue: str) -> ListedJob:
    outcome: Outcome = ended.outcome
    times = outcome.created, outcome.started, outcome.finished
    problem = slug_of(outcome.payload) if outcome.state is State.FAILED else ""
    what = outcome.id, outcome.name, queue, ended.owner, "", outcome.state.value
    return ListedJob(*what, *times, outcome.attempts, problem)


def _of_dead(dead: DeadJob, queue: str) -> ListedJob:
    job, times = dead.job, (dead.created, 0, dead.died)
    return ListedJob(dead.id, job.name, queue, job.owner, job.lane, "dead", *times, 0, slug_of(dead.cause))
