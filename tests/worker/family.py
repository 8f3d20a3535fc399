"""Workers on the store in memory whose jobs submit others, all by clocks that a test turns."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import msgspec
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from relay.handlers.registry import Registry
from relay.model.job import Job
from relay.model.settings import Settings
from relay.model.status import JobStatus, Outcome
from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.operators import MemoryOperatorStore
from relay.store.memory.store import MemoryStore
from relay.store.memory.workers import MemoryWorkerStore
from relay.store.messages import Submission
from relay.store.terms import StoreSettings
from relay.worker.tools import WorkerTools
from relay.worker.worker import Worker

__all__ = ["Family", "ensureDeferred"]
LEASE = 3.0


class Member:
    """One worker, which lives by a clock of its own."""

    def __init__(self, store: MemoryStore, name: str, registry: Registry, places: int) -> None:
        self.clock = Clock()
        self.name = name
        self.verbs = MemoryWorkerStore(store, name)
        upstreams = Mock(close=lambda: succeed(None))
        tools = WorkerTools(
            self.clock,
            self.verbs,
            lambda deliver: self._made(store.inbox(name, deliver)),
            upstreams,
            Mock(),
            self.clock.callLater,
        )
        settings = Settings(concurrency=places, lease=LEASE, drain=1)
        self.worker = Worker(tools, registry, settings)
        self.worker.startService()

    def _made(self, inbox: Any) -> Any:
        self.inbox = inbox
        return inbox


class Family:
    """A store, workers of some handlers, and a client."""

    def __init__(
        self, *handlers: Callable[..., Any], places: int = 5, workers: int = 1, **terms: Any
    ) -> None:
        self.clock = Clock()
        terms = {"keep": 60, "lease": LEASE, "queue_limit": 50_000, **terms}
        self.store = MemoryStore(self.clock, StoreSettings(**terms))
        self.front = MemoryFrontStore(self.store, "front")
        self.operator = MemoryOperatorStore(self.store)
        self._registry, self._places = Registry(handlers), places
        self.members = [self.start(f"worker{number}") for number in range(workers)]
        self.turn(0.2)

    def start(self, name: str) -> Member:
        return Member(self.store, name, self._registry, self._places)

    def kill(self, member: Member) -> None:
        """It does nothing any more, and somebody sees that."""
        self.members.remove(member)
        member.inbox.stop()
        Deferred.fromCoroutine(self.operator.reap(member.name))

    def turn(self, seconds: float, step: float = 0.05) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            for member in self.members:
                member.clock.advance(step)

    def submit(self, name: str, *, job: dict[str, Any] | None = None, **arguments: Any) -> str:
        """A client's job; `job` changes its record."""
        record = Job(name, "default", "anonymous", "", 0, 1, "", "", False, "", json.dumps(arguments))
        id = self.front.mint()
        self.front.submit(Submission(id, msgspec.structs.replace(record, **(job or {}))))
        return id

    def known(self, id: str) -> JobStatus | Outcome:
        found = self.store.data.standing("*", id)
        assert found is not None
        return found

    def outcome(self, id: str, within: float = 5.0) -> Outcome:
        """How a job ends, which may take some time."""
        for _ in range(round(within / 0.25)):
            found = self.store.data.standing("*", id)
            if isinstance(found, Outcome):
                return found
            self.turn(0.25)
        raise AssertionError(f"not within {within} s: {self.known(id)}")

    def result(self, id: str, within: float = 5.0) -> Any:
        outcome = self.outcome(id, within)
        assert outcome.state == "succeeded", outcome
        return json.loads(outcome.payload)

    def problem(self, id: str, within: float = 5.0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.outcome(id, within).payload)
        return found

    def jobs(self, name: str) -> list[tuple[str, Job]]:
        """Those of a name that live."""
        return [(live.id, live.job) for live in self.store.data.jobs.values() if live.job.name == name]

    def stop(self) -> None:
        for member in self.members:
            member.worker.stopService()
        self.turn(10)
        assert [call for member in self.members for call in member.clock.getDelayedCalls()] == []
