"""What a worker asks of the whole store: what its jobs are, what they submit, and what their calls may do. What it asks
of one partition is in `relay.store.parts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from relay.model.limits import Learned
from relay.model.problems.base import RelayError
from relay.store.messages import JobDefinition
from relay.store.parts import PartStore, RedisPart
from relay.store.roster import Roster
from relay.store.router import Router
from relay.store.schedules import pin_of_schedule
from relay.store.submitters import RedisSubmitterStore, SubmitterStore
from relay.store.terms import StoreSettings


class WorkerStore(SubmitterStore, Protocol):
    """The verbs of a worker. Each raises `StoreAway` where the store does not answer in time."""

    inbox: str
    """The name of this process' own inbox: it is woken there, and told of cancelled jobs and of outcomes that it waits
    for."""
    parts: Sequence[PartStore]
    """The partitions, in their order: the worker has a session in each."""

    def start(self) -> None: ...

    def stop(self) -> Deferred[Any]: ...

    async def publish(self, roster: Roster) -> None:
        """As `PartStore.publish`, in each partition that answers, unless it was done there lately. Raises `StoreAway`
        where none answers."""

    async def grant(self, scope: str, calls: int) -> tuple[int, float]:
        """How many of so many calls may go now, and seconds until more may; -1 where no limit is known."""

    async def learn(self, scopes: Sequence[str], learned: Learned) -> None:
        """An API told of a limit: count it for these scopes."""

    def home_of(self, definition: JobDefinition) -> int:
        """The number of the partition where the schedule of a job lives."""

    async def register(self, told: bytes) -> None:
        """Say what operators are told of this process (`Sights.processes`); to be repeated within a minute."""


class RedisWorkerStore(RedisSubmitterStore, WorkerStore):
    """A `WorkerStore` on Redis."""

    parts: Sequence[RedisPart]

    def __init__(self, router: Router, inbox: str, terms: StoreSettings) -> None:
        super().__init__(router, inbox, terms)
        self.parts = [RedisPart(partition, inbox, terms, self.shares) for partition in router.all()]

    async def publish(self, roster: Roster) -> None:
        due = [part for part in self.parts if not part.is_published()]
        publishing = [Deferred.fromCoroutine(part.publish(roster)) for part in due]
        results: Any = await DeferredList(publishing, consumeErrors=True)
        failures: list[Failure] = [result for is_done, result in results if not is_done]
        for failure in failures:
            if len(failures) == len(publishing) or not failure.check(RelayError):
                failure.raiseException()

    async def grant(self, scope: str, calls: int) -> tuple[int, float]:
        granted, wait = await self._router.of_scope(scope).verb("grant", scope, calls)
        return granted, wait / 1000

    async def learn(self, scopes: Sequence[str], learned: Learned) -> None:
        rate = learned.rate
        words = rate.calls, int(rate.window * 1000), int(learned.pause * 1000)
        for partition, some in self._router.by_scope(scopes).items():
            await partition.verb("learn", *words, *some)

    def home_of(self, definition: JobDefinition) -> int:
        return self._router.of_key(pin_of_schedule(definition)).keys.partition
