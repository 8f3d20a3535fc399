"""The verbs of supervisors and of operators' commands on the store in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from relay.model.limits import Learned
from relay.store.given_back import log_given_back
from relay.store.memory.acts import MemoryActs
from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.sights import MemorySights
from relay.store.memory.store import MemoryStore
from relay.store.messages import DeadJob, GivenBack, Submission
from relay.store.operators import OperatorStore
from relay.store.schedules import ScheduleStatus, firing_job, scheduled, shown


class MemoryOperatorStore(MemorySights, MemoryActs, OperatorStore):
    """An `OperatorStore` in memory."""

    def __init__(self, store: MemoryStore, name: str = "operator") -> None:
        self.store = store
        self.name = name

    @property
    def room(self) -> tuple[int, int]:
        terms = self.store.data.terms
        return terms.queue_limit, terms.queue_bytes

    def start(self) -> None: ...

    def stop(self) -> Deferred[Any]:
        return succeed(None)

    async def register(self, told: bytes) -> None:
        self.store.processes.register(self.name, told)

    async def check_writable(self) -> None: ...

    async def reap(self, process: str) -> list[GivenBack]:
        back = self.store.sessions.reap(process)
        self.store.post.remove(process)
        self.store.processes.register(process, b"")
        log_given_back(back, "its process ended")
        return back

    async def learned(self, most: int = 1000) -> dict[str, Learned]:
        return self.store.data.limits.learned(most)

    async def forget(self, scope: str) -> bool:
        return self.store.data.limits.forget(scope)

    async def schedules(self) -> list[tuple[ScheduleStatus, bool]]:
        data = self.store.data
        return shown(data.schedules.all(), data.served.catalogue())

    async def pause(self, name: str, on: bool) -> bool:
        return self.store.data.schedules.pause(name, on)

    async def fire_now(self, name: str) -> str:
        data, front = self.store.data, MemoryFrontStore(self.store, "")
        definition = scheduled(data.served.catalogue(), name)
        return (await front.submit(firing_job(definition, front.mint(), data.now(), by_hand=True))).id

    async def dead(self, most: int = 100) -> list[DeadJob]:
        return list(self.store.data.dead_jobs.values())[::-1][:most]

    async def revive(self, dead: DeadJob) -> str:
        if dead.cut:
            raise ValueError(f"the arguments of {dead.id} were too large to be kept")
        job = dead.revived()
        front = MemoryFrontStore(self.store, "")
        return (await front.submit(Submission(front.mint(), job))).id
