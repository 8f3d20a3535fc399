"""A worker's sessions over a store of several partitions, each in memory; the jobs end when the test says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock, deferLater

from relay.model import ids
from relay.model.job import Claim
from relay.model.state import State
from relay.redis.connection import LinkLost
from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.store import MemoryStore
from relay.store.memory.workers import MemoryWorkerStore
from relay.store.messages import Report, Submission, Turn, Turned
from relay.store.parts import PartStore
from relay.store.terms import StoreSettings
from relay.worker.claiming import rests_of
from relay.worker.worker_sessions import WorkerSessions
from tests.store.test_store import Session, a_job, roster

ANSWER = 0.01  # seconds that a partition takes to answer a turn
LEASE = 60.0
SERVES = roster("echo")


class PartOfStore(MemoryStore):
    """One partition of several."""

    def __init__(self, clock: Clock, number: int) -> None:
        self.number = number
        super().__init__(clock, StoreSettings(keep=600, lease=LEASE, queue_limit=100_000))

    def mint(self) -> str:
        return ids.mint(self.number, self.epoch)

    def minted_elsewhere(self, id: str) -> bool:
        return False

    def add(self, count: int) -> list[str]:
        """Submit jobs; their ids."""
        front = MemoryFrontStore(self, "front")
        return [done(front.submit(Submission(front.mint(), a_job()))).id for _ in range(count)]

    def add_suspect(self) -> str:
        """A job under which workers have died."""
        (id,) = self.add(1)
        (live,) = [live for live in self.data.jobs.values() if live.id == id]
        live.deaths, live.suspected = [f"dead.{number}" for number in range(3)], True
        return id


class PartOfWorker(MemoryWorkerStore):
    """What one worker asks of a partition, which may be cut off: `is_away`, or `is_silent`, which is not noticed."""

    store: PartOfStore

    def __init__(self, store: PartOfStore, inbox: str, clock: Clock) -> None:
        super().__init__(store, inbox)
        self.is_away = self.is_silent = False
        self.turns: list[tuple[float, Turn]] = []
        self._clock = clock
        self._unanswered: list[Deferred[None]] = []

    async def adopt(self, *given: Any) -> set[str]:
        await self._way()
        return await super().adopt(*given)

    async def turn(self, session: str, turn: Turn) -> Turned:
        self.turns.append((self._clock.seconds(), turn))
        await self._way()
        turned = await super().turn(session, turn)
        await self._way()
        return turned

    async def _way(self) -> None:
        await deferLater(self._clock, ANSWER / 2)
        if self.is_silent:
            self._unanswered.append(Deferred())
            await self._unanswered[-1]
        if self.is_away:
            raise LinkLost

    def answer(self) -> None:
        """What it was silent about comes through."""
        self.is_silent = False
        unanswered, self._unanswered = self._unanswered, []
        for each in unanswered:
            each.callback(None)


class Crew:
    """A worker with so many places; `running` has its jobs. `most` is how many ran at once."""

    def __init__(
        self, clock: Clock, stores: Sequence[PartOfStore], places: int, name: str = "worker"
    ) -> None:
        self.clock = clock
        self.places = places
        self.parts = [PartOfWorker(store, name, clock) for store in stores]
        self.running: dict[str, Claim] = {}
        self.most = 0
        self.ran: Counter[str] = Counter()
        given: Sequence[PartStore] = self.parts
        self.sessions = WorkerSessions(clock, given, SERVES, self, rests_of(1.0, LEASE, len(stores)))
        for number, store in enumerate(stores):
            store.inbox(name, partial(self._told, partition=number)).start()
            store.post.keep_alive(name)
        self.ended: list[Any] = []
        self.sessions.run().addBoth(self.ended.append)

    def _told(self, mail: Any, partition: int) -> None:
        if mail[0].kind == "w":
            self.sessions.wake(partition)

    # -- what sessions ask --

    def room(self) -> int:
        return self.places - len(self.running)

    def take(self, claim: Claim, since: float) -> None:
        self.running[claim.id] = claim
        self.ran[claim.id] += 1
        self.most = max(self.most, len(self.running))

    def drop(self, id: str) -> None:
        self.running.pop(id, None)

    # -- what tests do --

    def by_partition(self) -> list[int]:
        """How many jobs run of each."""
        count = Counter(int(id.partition("-")[0]) for id in self.running)
        return [count[number] for number in range(len(self.parts))]

    def end(self, id: str) -> None:
        """A job ends."""
        del self.running[id]
        self.sessions.reports.nudge()
        self.sessions.reports.report(Report(id, State.SUCCEEDED, "1"))

    def end_oldest(self) -> None:
        self.end(next(iter(self.running)))


class Parted:
    """A store of so many partitions, and a worker."""

    def __init__(self, partitions: int = 3, places: int = 9) -> None:
        self.clock = Clock()
        self.stores = [PartOfStore(self.clock, number) for number in range(partitions)]
        self.crew = self.hire(places)

    def hire(self, places: int, name: str = "worker") -> Crew:
        """A worker begins."""
        return Crew(self.clock, self.stores, places, name)

    def turn(self, seconds: float = 0.1) -> None:
        """Let time pass."""
        for _ in range(round(seconds / 0.005)):
            self.clock.advance(0.005)

    def alive(self) -> int:
        """How many jobs have not ended."""
        return sum(len(store.data.jobs) for store in self.stores)


def done(deferred: Any) -> Any:
    """What is there at once."""
    got: list[Any] = []
    ensureDeferred(deferred).addBoth(got.append)
    return got[0]


__all__ = ["Crew", "PartOfStore", "Parted", "Session"]
