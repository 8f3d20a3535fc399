"""What operators do to the jobs of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from relay.model.status import JobStatus, Outcome
from relay.store import codec
from relay.store.durable import check
from relay.store.found import Erased
from relay.store.gathering import PartitionAway, anywhere, everywhere, naming
from relay.store.mail import MailKind
from relay.store.messages import DeadJob, Submission
from relay.store.operator_rows import text
from relay.store.partition import Partition
from relay.store.portions import MOST_ITEMS
from relay.store.router import Router
from relay.store.standings import read_standing
from relay.store.submission_rows import read_receipt, submission_words
from relay.store.terms import StoreSettings

_MOST_DELETED = 100  # by one script


class Acts(Protocol):
    """The verbs by which operators act. Each raises `StoreAway` where the store does not answer in time:
    `relay.store.gathering.PartitionAway` where one of several partitions is away."""

    async def cancel(self, id: str) -> tuple[JobStatus | Outcome | None, Outcome | None]:
        """End a job that waits, or ask its worker to stop it, whoever owns it: how it stood before (None: there is no
        such job), and its outcome if it has ended by this."""

    async def cancel_all(self, ids: Sequence[str]) -> int:
        """The same of many jobs: how many of them lived."""

    async def bring_back(self, dead: DeadJob) -> str:
        """Run a dead job again, under a new id, without its key and with nobody waiting; it is no dead job any more.
        Raises `LookupError` where it is none, `ValueError` where its arguments were not kept, and what
        `FrontStore.submit` raises."""

    async def delete(self, ids: Sequence[str], dead: bool = True, ended: bool = False) -> int:
        """Delete dead jobs with their outcomes, outcomes of jobs that have ended, or both: how many of these there
        were."""

    async def stop_name(self, name: str, on: bool) -> bool:
        """Have no job of a name begin any more, or again; whether that was not so already."""

    async def stop_queue(self, queue: str, on: bool) -> bool:
        """The same of a queue: also of names that come into it later."""

    async def tell(self, process: str, kind: MailKind) -> bool:
        """Tell a worker something; whether there is such a worker."""

    async def erase(self, owner: str, cursor: str = "") -> Erased:
        """Delete what is kept of an owner beside its jobs that live or are dead, in slices. Partitions that are
        away are left out, unless there is no other."""


class RedisActs(Acts):
    """`Acts` on Redis."""

    _router: Router
    _terms: StoreSettings
    _words: str

    async def cancel(self, id: str) -> tuple[JobStatus | Outcome | None, Outcome | None]:
        partition = self._router.of_id(id)
        with naming(self._router, partition):
            before, outcome = await partition.verb("cancel", "*", await self._agreed(partition), id)
        return read_standing(id, before), codec.read_outcome(id, outcome) if outcome else None

    async def cancel_all(self, ids: Sequence[str]) -> int:
        return sum([await self._cancel_all(*some) for some in self._router.by_id(ids).items()])

    async def _cancel_all(self, partition: Partition, ids: list[str]) -> int:
        left, count = ids, 0
        with naming(self._router, partition):
            terms = await self._agreed(partition)
            while left:
                reached, lived = await partition.verb("cancel_all", terms, *left[:MOST_ITEMS])
                left = left[max(1, reached) :]
                count += lived
        return count

    async def _agreed(self, partition: Partition) -> str:
        """What fronts and workers have agreed on: an operator may not know it."""
        kept = await partition.command("GET", partition.keys.terms)
        return text(kept) if kept else self._words

    async def bring_back(self, dead: DeadJob) -> str:
        if dead.cut:
            raise ValueError(f"the arguments of {dead.id} were too large to be kept")
        partition = self._router.of_id(dead.id)
        check(partition, dead.job)
        room = self._terms.queue_limit, self._terms.queue_bytes
        with naming(self._router, partition):
            again = Submission(partition.mint(), dead.revived())
            words = *room, dead.id, *submission_words(again)
            now, (was_dead, *rows) = await partition.timed_verb("bring_back", *words)
        if not was_dead:
            raise LookupError(dead.id)
        receipt = read_receipt(again, now, rows[0])
        if isinstance(receipt, Exception):
            raise receipt
        return receipt.id

    async def delete(self, ids: Sequence[str], dead: bool = True, ended: bool = False) -> int:
        what = int(dead), int(ended)
        return sum([await self._delete(*some, what) for some in self._router.by_id(ids).items()])

    async def _delete(self, partition: Partition, ids: list[str], what: tuple[int, int]) -> int:
        count = 0
        with naming(self._router, partition):
            for first in range(0, len(ids), _MOST_DELETED):
                count += (await partition.verb("delete", *what, *ids[first : first + _MOST_DELETED]))[0]
        return count

    async def stop_name(self, name: str, on: bool) -> bool:
        return await self._stop(f"name {name}", on)

    async def stop_queue(self, queue: str, on: bool) -> bool:
        return await self._stop(f"queue {queue}", on)

    async def _stop(self, what: str, on: bool) -> bool:
        async def ask(partition: Partition) -> bool:
            return bool((await partition.verb("stop", what, int(on)))[0])

        return any(await everywhere(self._router, ask))

    async def tell(self, process: str, kind: MailKind) -> bool:
        async def ask(partition: Partition) -> bool:
            return bool((await partition.verb("tell", process, kind.value))[0])

        return await anywhere(self._router, ask, False)

    async def erase(self, owner: str, cursor: str = "") -> Erased:
        number, _, rest = cursor.partition(":")
        at, partitions = int(number or 0), self._router.all()
        if at >= len(partitions):
            return Erased(0, 0, "")
        behind = f"{at + 1}:" if at + 1 < len(partitions) else ""
        try:
            with naming(self._router, partitions[at]):
                left, looked_at, gone = await partitions[at].verb("erase", rest, owner)
        except PartitionAway:
            return Erased(0, 0, behind, (at,))
        return Erased(gone, looked_at, f"{at}:{text(left)}" if left else behind)
