"""An operator at a store in memory, beside a front and a worker of it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from relay.operations.store_operations import StoreOperations
from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.operators import MemoryOperatorStore
from relay.store.memory.store import MemoryStore
from relay.store.memory.workers import MemoryWorkerStore
from relay.store.messages import Report, Submission
from relay.store.roster import Roster
from relay.store.terms import StoreSettings
from tests.store.test_store import Session, a_job, roster


class Scene:
    """All roles at one store. Time passes when a test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        terms = StoreSettings(keep=3600, lease=10, queue_limit=1000)
        self.store = MemoryStore(self.clock, terms)
        self.front = MemoryFrontStore(self.store, "front")
        self.worker = MemoryWorkerStore(self.store, "worker")
        self.session = Session(self.worker)  # type: ignore[arg-type]
        self.operator = StoreOperations(MemoryOperatorStore(self.store), self.clock.seconds)

    async def serve(self, served: Roster | None = None) -> Session:
        """A worker publishes what it serves, and opens a session."""
        self.session.roster = served or roster("echo", "tell")
        await self.worker.publish(self.session.roster)
        return await self.session.open()

    async def submit(self, delay: int = 0, **changed: Any) -> str:
        """The id of a new job."""
        self.clock.advance(0.001)
        id = self.front.mint()
        await self.front.submit(Submission(id, a_job(**changed), delay=delay))
        return id

    async def begin(self, most: int = 1) -> list[str]:
        """The ids of those that the worker has claimed."""
        return [claim.id for claim in (await self.session.turn(most)).claims]

    async def end(self, *ends: Report) -> None:
        """The worker tells how attempts ended."""
        self.clock.advance(0.001)
        await self.session.turn(0, *ends)


@pytest.fixture
def scene() -> Scene:
    return Scene()
