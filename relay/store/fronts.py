"""What a front asks of the store: jobs are submitted, looked at, waited for and cancelled."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred

from relay.model.problems.base import RelayError
from relay.model.problems.request import NoSuchJob, StoreAway, StoreReset
from relay.model.status import JobStatus, Outcome
from relay.store import codec, standings
from relay.store.gathering import PartitionAway
from relay.store.lookups import id_of_key
from relay.store.messages import Definitions
from relay.store.pieces import MOST_READ, READ_BYTES, Listened, Place
from relay.store.submitters import RedisSubmitterStore, SubmitterStore


class FrontStore(SubmitterStore, Protocol):
    """The verbs of a front. Each raises `StoreAway` where the store does not answer in time.

    `owner` is whose job it has to be: another owner's job is one that does not exist. ``*`` is any owner.
    """

    def epoch_of(self, partition: int) -> str:
        """The name of a partition's data set, "" before it was ever reached."""

    def start(self) -> None: ...

    def stop(self) -> Deferred[Any]: ...

    async def find(self, digest: str) -> str:
        """The id of the job that a key stands for. Raises `NoSuchJob`, `StoreAway` where another server may know it."""

    async def look(self, owner: str, id: str) -> JobStatus | Outcome:
        """Where a job stands, or how it ended. Raises `NoSuchJob`, `StoreReset` (it was lost with its data set), and
        `StoreAway` where another server may know it."""

    async def attach(self, owner: str, id: str) -> JobStatus | Outcome:
        """The same, and have its outcome sent to this process' inbox."""

    async def listen(self, owner: str, id: str, after: Place) -> Listened:
        """The same, with what the job has put out `after` a place, (0, 0) for all that is kept: at most `MOST_READ`
        pieces and `READ_BYTES` of them. What a live job puts out from now on, and where it stands, is told to this
        process' inbox, too, until `mute`."""

    async def mute(self, id: str) -> None:
        """Have this process' inbox told no more of a job than its outcome."""

    async def cancel(self, owner: str, id: str) -> tuple[JobStatus | Outcome, Outcome | None]:
        """End a job that waits, or ask its worker to stop it: how it stood before, and its outcome if it has ended by
        this."""

    async def abandon(self, id: str) -> bool:
        """Cancel a job that this process' clients no longer want, unless others wait for it: whether it was."""

    async def catalogue(self, partition: int = 0) -> Definitions:
        """What workers serve, as a partition has it: workers publish in each."""

    async def register(self, told: bytes) -> None:
        """Say what operators are told of this process (`Sights.processes`); to be repeated within a minute."""

    async def check_room(self, partition: int = 0) -> None:
        """Raise `StoreAway` if a partition's Redis had no memory for a job that was submitted here, and has none
        yet."""


class RedisFrontStore(RedisSubmitterStore, FrontStore):
    """A `FrontStore` on Redis."""

    def epoch_of(self, partition: int) -> str:
        return self._router.all()[partition].epoch

    async def find(self, digest: str) -> str:
        try:
            id = await id_of_key(self._router, digest)
        except PartitionAway as away:  # which one is for operators
            raise StoreAway from away.__cause__
        if not id:
            raise NoSuchJob if self._router.is_sure else StoreAway
        return id

    async def look(self, owner: str, id: str) -> JobStatus | Outcome:
        (reply,) = await self._router.of_id(id).verb("look", owner, id)
        return self._known(id, reply)

    async def attach(self, owner: str, id: str) -> JobStatus | Outcome:
        (reply,) = await self._router.of_id(id).verb("attach", owner, self.inbox, id)
        return self._known(id, reply)

    async def listen(self, owner: str, id: str, after: Place) -> Listened:
        words = owner, self.inbox, MOST_READ, READ_BYTES, id, *standings.words(after)
        standing, *heard = await self._router.of_id(id).verb("listen", *words)
        return standings.read_listened(self._known(id, standing), *heard)

    async def mute(self, id: str) -> None:
        await self._router.of_id(id).verb("mute", self.inbox, id)

    async def cancel(self, owner: str, id: str) -> tuple[JobStatus | Outcome, Outcome | None]:
        reply = await self._router.of_id(id).verb("cancel", owner, self._terms, id)
        before = self._known(id, reply[0])
        return before, codec.read_outcome(id, reply[1]) if reply[1] else None

    async def abandon(self, id: str) -> bool:
        return bool((await self._router.of_id(id).verb("abandon", self.inbox, self._terms, id))[0])

    async def catalogue(self, partition: int = 0) -> Definitions:
        now, (version, rows) = await self._router.all()[partition].timed_verb("catalogue")
        return codec.read_catalogue(now, version, rows)

    def _known(self, id: str, reply: list[Any]) -> JobStatus | Outcome:
        found = standings.read_standing(id, reply)
        if found is None:
            raise self._unknown(id)
        return found

    def _unknown(self, id: str) -> RelayError:
        """A front that is cut off together with an old master does not say that a job is gone, or never was: the new
        master may have it."""
        if not self._router.is_sure:
            return StoreAway()
        return StoreReset() if self.minted_elsewhere(id) else NoSuchJob()
