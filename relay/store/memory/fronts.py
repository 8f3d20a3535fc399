"""The verbs of a front on the store in memory."""

from __future__ import annotations

from relay.model.problems.request import NoSuchJob, StoreReset
from relay.model.status import JobStatus, Outcome
from relay.store.fronts import FrontStore
from relay.store.memory.submitters import MemorySubmitterStore
from relay.store.messages import Definitions
from relay.store.pieces import Listened, Place


class MemoryFrontStore(MemorySubmitterStore, FrontStore):
    """A `FrontStore` in memory."""

    def epoch_of(self, partition: int) -> str:
        return self.store.epoch

    async def find(self, digest: str) -> str:
        found = self.data.by_key(digest)
        if found is None:
            raise NoSuchJob
        return found[0]

    async def look(self, owner: str, id: str) -> JobStatus | Outcome:
        return self._known(id, self.data.standing(owner, id))

    async def attach(self, owner: str, id: str) -> JobStatus | Outcome:
        return self._known(id, self._attach(owner, id))

    async def listen(self, owner: str, id: str, after: Place) -> Listened:
        known = self._known(id, self._attach(owner, id))
        if isinstance(known, Outcome):
            ended = self.data.ended(id)
            assert ended is not None
            return ended.pieces.listened(known, after)
        live = self.data.jobs[id]
        if self.inbox not in live.listening:
            live.listening.append(self.inbox)
        return live.pieces.listened(self.data.news.status(live), after)

    async def mute(self, id: str) -> None:
        live = self.data.jobs.get(id)
        if live is not None and self.inbox in live.listening:
            live.listening.remove(self.inbox)

    async def cancel(self, owner: str, id: str) -> tuple[JobStatus | Outcome, Outcome | None]:
        before = self._known(id, self.data.standing(owner, id))
        if isinstance(before, JobStatus):
            self.data.cancel(self.data.jobs[id])
        ended = self.data.ended(id)
        return before, ended.outcome if ended else None

    async def abandon(self, id: str) -> bool:
        live = self.data.jobs.get(id)
        if live is None or live.job.unique:  # not all who asked for it wait
            return False
        live.left.add(self.inbox)
        if not live.left.issuperset(live.inboxes):
            return False
        self.data.cancel(live)
        return True

    async def catalogue(self, partition: int = 0) -> Definitions:
        return self.data.served.catalogue()

    def _known(self, id: str, found: JobStatus | Outcome | None) -> JobStatus | Outcome:
        if found is None:
            raise StoreReset if self.minted_elsewhere(id) else NoSuchJob
        return found
