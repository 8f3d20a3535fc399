"""What operators do to the jobs of the store in memory."""

from __future__ import annotations

from collections.abc import Sequence

from relay.model.status import JobStatus, Outcome
from relay.store.acts import Acts
from relay.store.found import Erased
from relay.store.mail import MailKind
from relay.store.memory.dataset import ANYONE
from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.record import process_of
from relay.store.memory.store import MemoryStore
from relay.store.messages import DeadJob, Submission


class MemoryActs(Acts):
    """`Acts` in memory."""

    store: MemoryStore

    async def cancel(self, id: str) -> tuple[JobStatus | Outcome | None, Outcome | None]:
        data = self.store.data
        before = data.standing(ANYONE, id)
        if id in data.jobs:
            data.cancel(data.jobs[id])
        ended = data.ended(id)
        return before, ended.outcome if ended else None

    async def cancel_all(self, ids: Sequence[str]) -> int:
        lived = [id for id in ids if id in self.store.data.jobs]
        for id in lived:
            await self.cancel(id)
        return len(lived)

    async def bring_back(self, dead: DeadJob) -> str:
        if dead.cut:
            raise ValueError(f"the arguments of {dead.id} were too large to be kept")
        if dead.id not in self.store.data.dead_jobs:
            raise LookupError(dead.id)
        front = MemoryFrontStore(self.store, "")
        receipt = await front.submit(Submission(front.mint(), dead.revived()))
        del self.store.data.dead_jobs[dead.id]
        return receipt.id

    async def delete(self, ids: Sequence[str], dead: bool = True, ended: bool = False) -> int:
        data, count = self.store.data, 0
        for id in ids:
            was_dead = dead and data.dead_jobs.pop(id, None) is not None
            had_outcome = (was_dead or ended) and data.drop_outcome(id)
            count += was_dead or had_outcome
        return count

    async def stop_name(self, name: str, on: bool) -> bool:
        return self._stop(f"name {name}", on)

    async def stop_queue(self, queue: str, on: bool) -> bool:
        return self._stop(f"queue {queue}", on)

    def _stop(self, what: str, on: bool) -> bool:
        is_new, data = self.store.data.stopped.stop(what, on), self.store.data
        waiting = [*data.waiting(), *data.waiting(suspected=True)] if is_new and not on else []
        for name in {live.job.name for live in waiting}:
            data.wake(name, 1000)
        return is_new

    async def tell(self, process: str, kind: MailKind) -> bool:
        if all(process_of(session.name) != process for session in self.store.sessions.all()):
            return False
        self.store.post.send(process, kind, "-")
        return True

    async def erase(self, owner: str, cursor: str = "") -> Erased:
        data = self.store.data
        ids = [each.outcome.id for each in data.all_ended() if each.owner == owner]
        gone = sum(data.drop_outcome(id) for id in ids)
        data.allowances.forget(owner)
        return Erased(gone, len(ids), "")
