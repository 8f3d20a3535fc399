"""The verbs of a worker on the store in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relay.model.job import Claim
from relay.model.limits import Learned
from relay.store.memory.store import MemoryStore
from relay.store.memory.submitters import MemorySubmitterStore
from relay.store.messages import JobDefinition, Turn, Turned
from relay.store.parts import PartStore
from relay.store.pieces import Emitted
from relay.store.roster import Roster
from relay.store.schedules import Firing, ScheduleStatus
from relay.store.workers import WorkerStore


class MemoryWorkerStore(MemorySubmitterStore, PartStore, WorkerStore):
    """A `WorkerStore` in memory, with one partition."""

    def __init__(self, store: MemoryStore, inbox: str) -> None:
        super().__init__(store, inbox)
        self.parts: Sequence[PartStore] = (self,)
        self._published_since = 0

    async def adopt(
        self, old: str, session: str, number: int, roster: Roster, claims: Sequence[Claim]
    ) -> set[str]:
        return self.store.sessions.open(old, session, number, roster, list(claims))

    async def turn(self, session: str, turn: Turn) -> Turned:
        return self.store.turns.take(session, turn)

    async def emit(self, session: str, pieces: Sequence[Emitted]) -> list[str]:
        return self.store.turns.emit(session, pieces)

    async def announce(self, ids: Sequence[str]) -> None:
        """They were told: what is in memory is as durable as it gets."""

    async def leave(self, session: str) -> list[str]:
        return [job.id for job in self.store.sessions.close(session, crashed=False)]

    async def publish(self, roster: Roster) -> None:
        self._published_since = self.data.served.publish(roster, self._published_since)

    def mint_firing(self) -> str:
        return self.store.mint()

    async def schedules(self, marks: Mapping[str, str]) -> tuple[int, list[ScheduleStatus]]:
        data = self.data
        return data.now(), list(data.schedules.of(marks, data.served.is_declared))

    async def fire(self, firing: Firing) -> bool:
        nobody = MemorySubmitterStore(self.store, "")
        return self.data.schedules.fire(firing, nobody.add_firing)

    async def bring(self, moved: ScheduleStatus) -> bool:
        return self.data.schedules.bring(moved)

    async def forget_schedules(self, marks: Mapping[str, str]) -> bool:
        return self.data.schedules.forget(marks, self.data.served.is_declared)

    async def grant(self, scope: str, calls: int) -> tuple[int, float]:
        return self.data.limits.grant(scope, calls)

    async def learn(self, scopes: Sequence[str], learned: Learned) -> None:
        for scope in scopes:
            self.data.limits.learn(scope, learned)

    def home_of(self, definition: JobDefinition) -> int:
        return 0
