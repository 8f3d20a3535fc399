"""What a front asks of the store: jobs are submitted, looked at, waited for and cancelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from relay.model.problems.request import NoSuchJob, StoreAway, StoreReset
from relay.model.status import JobStatus, Outcome
from relay.store import codec
from relay.store.member import MemberStore
from relay.store.messages import Definitions, Receipt, Submission, Sweep
from relay.store.partition import Partition
from relay.store.portions import MOST_ITEMS
from relay.store.router import Router
from relay.store.submissions import OVERHEAD, Submissions
from relay.store.terms import StoreSettings


class FrontStore(Protocol):
    """The verbs of a front. Each raises `StoreAway` where the store does not answer in time.

    `owner` is whose job it has to be: another owner's job is one that does not exist. ``*`` is any owner.
    """

    inbox: str
    """The name of this process' own inbox: outcomes that it waits for are told there."""
    on_data_loss: list[Callable[[], None]]
    """Each is called when the store may have forgotten what this process submitted, or waits for."""

    @property
    def epoch(self) -> str:
        """The name of the data set whose catalogue is read, "" before the store was ever reached."""

    def start(self) -> None: ...

    def stop(self) -> Deferred[Any]: ...

    def mint(self, key: str = "") -> str:
        """A new job id, for a job with this key, "" for none. Raises `StoreAway` before the store was ever reached."""

    def minted_elsewhere(self, id: str) -> bool:
        """Whether an id was made for another data set than the present one."""

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        """Add a job. Raises `KeyReused`, `QueueFull`, `StoreFull`."""

    async def submit_again(self, submissions: Sequence[Submission]) -> Sequence[Receipt | Exception]:
        """Add jobs under ids that may be known already: a receipt or an error for each, in their order."""

    async def find(self, digest: str) -> str:
        """The id of the job that a key stands for. Raises `NoSuchJob`."""

    async def look(self, owner: str, id: str) -> JobStatus | Outcome:
        """Where a job stands, or how it ended. Raises `NoSuchJob`, `StoreReset`."""

    async def attach(self, owner: str, id: str) -> JobStatus | Outcome:
        """The same, and have its outcome sent to this process' inbox."""

    async def attach_all(self, ids: Sequence[str]) -> list[JobStatus | Outcome | None]:
        """The same of many ids, whoever owns them; None for those that the store does not know."""

    async def cancel(self, owner: str, id: str) -> tuple[JobStatus | Outcome, Outcome | None]:
        """End a job that waits, or ask its worker to stop it: how it stood before, and its outcome if it has ended by
        this."""

    async def abandon(self, id: str) -> bool:
        """Cancel a job that this process' clients no longer want, unless others wait for it: whether it was."""

    async def collected(self, id: str) -> bool:
        """A client has received this outcome; whether a following job (`then`) would otherwise have been given it."""

    async def fetch(self, id: str) -> Outcome | None:
        """An outcome that was too large for the inbox; None if it is no longer kept."""

    async def catalogue(self) -> Definitions:
        """What workers serve."""

    async def sweep(self) -> Sweep:
        """Keep the inbox alive, move jobs that are due, expire late ones, give back the jobs of sessions whose lease
        has ended. To be called every second."""


class RedisFrontStore(MemberStore, FrontStore):
    """A `FrontStore` on Redis."""

    def __init__(self, router: Router, inbox: str, terms: StoreSettings) -> None:
        super().__init__(router, inbox, terms)
        self._in_turn = cycle(router.all())  # for jobs without a key
        self._submissions = {partition: Submissions(partition, inbox, terms) for partition in router.all()}

    @property
    def epoch(self) -> str:
        return self._router.all()[0].epoch

    def mint(self, key: str = "") -> str:
        partition = self._router.of_key(key) if key else next(self._in_turn)
        return partition.mint()

    def minted_elsewhere(self, id: str) -> bool:
        return self._router.of_id(id).minted_elsewhere(id)

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        size = len(submission.job.arguments) + OVERHEAD
        return self._submissions[self._router.of_id(submission.id)].add(submission, size)

    async def submit_again(self, submissions: Sequence[Submission]) -> Sequence[Receipt | Exception]:
        by_id = {submission.id: submission for submission in submissions}
        answers: dict[str, Receipt | Exception] = {}
        for partition, ids in self._router.by_id(by_id).items():
            again = await self._submissions[partition].again([by_id[id] for id in ids])
            answers |= zip(ids, again, strict=True)
        return [answers[submission.id] for submission in submissions]

    async def find(self, digest: str) -> str:
        partition = self._router.of_key(digest)
        found = await partition.command("GET", partition.keys.idem(digest))
        if found is None:
            raise NoSuchJob
        return bytes(found).partition(b" ")[0].decode()

    async def look(self, owner: str, id: str) -> JobStatus | Outcome:
        (reply,) = await self._router.of_id(id).verb("look", owner, id)
        return self._known(id, reply)

    async def attach(self, owner: str, id: str) -> JobStatus | Outcome:
        (reply,) = await self._router.of_id(id).verb("attach", owner, self.inbox, id)
        return self._known(id, reply)

    async def attach_all(self, ids: Sequence[str]) -> list[JobStatus | Outcome | None]:
        known: dict[str, JobStatus | Outcome | None] = {}
        for partition, some in self._router.by_id(ids).items():
            known |= zip(some, await self._attach_all(partition, some), strict=True)
        return [known[id] for id in ids]

    async def _attach_all(self, partition: Partition, ids: list[str]) -> list[JobStatus | Outcome | None]:
        found: list[JobStatus | Outcome | None] = []
        while len(found) < len(ids):
            some = ids[len(found) : len(found) + MOST_ITEMS]
            replies = await partition.verb("attach", "*", self.inbox, *some)
            if not replies:
                raise StoreAway("no answer about jobs")
            found += [codec.read_standing(id, reply) for id, reply in zip(some, replies, strict=False)]
        return found

    async def cancel(self, owner: str, id: str) -> tuple[JobStatus | Outcome, Outcome | None]:
        reply = await self._router.of_id(id).verb("cancel", owner, self._terms, id)
        before = self._known(id, reply[0])
        return before, codec.read_outcome(id, reply[1]) if reply[1] else None

    async def abandon(self, id: str) -> bool:
        return bool((await self._router.of_id(id).verb("abandon", self.inbox, self._terms, id))[0])

    async def collected(self, id: str) -> bool:
        return bool((await self._router.of_id(id).verb("collected", id))[0])

    async def fetch(self, id: str) -> Outcome | None:
        partition = self._router.of_id(id)
        data = await partition.command("GET", partition.keys.result(id))
        return codec.read_outcome(id, data) if data else None

    async def catalogue(self) -> Definitions:
        """Each partition has all of it."""
        now, (version, rows) = await self._router.all()[0].timed_verb("catalogue")
        return codec.read_catalogue(now, version, rows)

    def _known(self, id: str, reply: list[Any]) -> JobStatus | Outcome:
        found = codec.read_standing(id, reply)
        if found is None:
            raise StoreReset if self.minted_elsewhere(id) else NoSuchJob
        return found
