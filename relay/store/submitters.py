"""What all who submit jobs ask of the store, fronts for clients and workers for the jobs that they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from relay.model.problems.request import StoreAway
from relay.model.status import JobStatus, Outcome
from relay.store import codec
from relay.store.any_partition import AnyPartition
from relay.store.batch import Hearer
from relay.store.durable import check, durably, endured
from relay.store.member import MemberStore
from relay.store.messages import Receipt, Submission, Sweep
from relay.store.partition import Partition
from relay.store.portions import MOST_ITEMS
from relay.store.router import Router
from relay.store.standings import read_standing
from relay.store.submissions import OVERHEAD, Submissions
from relay.store.terms import StoreSettings


class SubmitterStore(Protocol):
    """The verbs of a process that submits jobs. Each raises `StoreAway` where the store does not answer in time."""

    inbox: str
    """The name of this process' own inbox: outcomes that it waits for are told there."""
    partitions: int
    """How many the store has; they are numbered from 0 on."""
    on_data_loss: list[Callable[[int], None]]
    """Each is called with the number of a partition that may have forgotten what this process submitted, or waits
    for."""
    now: Callable[[], float]
    """Milliseconds since the epoch by Redis' clock, about; 0 before the store was ever reached."""

    def up(self) -> list[int]:
        """The partitions that can be asked now, as far as is known; all of them, where none can."""

    def mint(self, pin: str = "", beside: str = "") -> str:
        """A new job id. It says where the job is kept: where `pin` belongs (`relay.store.placing.pin_of`), else where
        the job `beside` is, anywhere if both are "". Raises `StoreAway` before the store was ever reached."""

    def minted_elsewhere(self, id: str) -> bool:
        """Whether an id was made for another data set than the present one."""

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        """Add a job. Raises `KeyReused`, `QueueFull`, `StoreFull`; for a durable one `NotDurable`, with its id where it
        was added."""

    def submit_telling(self, submission: Submission, told: Hearer[Receipt]) -> None:
        """The same without a Deferred."""
        self.submit(submission).addCallbacks(told.callback, told.errback)

    def check(self, submission: Submission) -> None:
        """Raise `NotDurable`, without an id, for one that has to be durable and that `submit` would not add, because
        nothing can prove it."""

    async def submit_again(self, submissions: Sequence[Submission]) -> Sequence[Receipt | Exception]:
        """Add jobs under ids that may be known already: a receipt or an error for each, in their order. Raises
        `NotDurable` where some of them have to be durable, and are not in time: they may be sent again."""

    async def attach_all(self, ids: Sequence[str]) -> list[JobStatus | Outcome | None]:
        """Where many jobs stand, or how they ended, whoever owns them; None for those that the store does not know.
        Their outcomes are sent to this process' inbox."""

    async def collected(self, id: str) -> bool:
        """Somebody has received this outcome; whether a following job (`then`) would otherwise have been given it."""

    async def sweep(self, partition: int = 0) -> Sweep:
        """In a partition, keep the inbox alive, move jobs that are due, expire late ones, give back the jobs of
        sessions whose lease has ended. To be called every second, for one partition after the other."""

    async def fetch(self, id: str) -> Outcome | None:
        """An outcome that was too large for the inbox; None if it is no longer kept."""


class RedisSubmitterStore(MemberStore, SubmitterStore):
    """A `SubmitterStore` on Redis."""

    def __init__(self, router: Router, inbox: str, terms: StoreSettings) -> None:
        super().__init__(router, inbox, terms)
        self._submissions = {
            partition: Submissions(partition, inbox, self.shares) for partition in router.all()
        }
        self._any = AnyPartition(self._submissions)
        self._only = router.all()[0] if self.partitions == 1 else None

    def up(self) -> list[int]:
        up = [number for number, partition in enumerate(self._router.all()) if partition.is_up]
        return up or [*range(self.partitions)]

    def mint(self, pin: str = "", beside: str = "") -> str:
        if pin:
            return self._router.of_key(pin).mint()
        if beside:
            return self._router.of_id(beside).mint()
        return (self._only or self._any.next()).mint()

    def minted_elsewhere(self, id: str) -> bool:
        return self._router.of_id(id).minted_elsewhere(id)

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        submissions = self._submissions[self._router.of_id(submission.id)]
        size = len(submission.job.arguments) + OVERHEAD
        if submission.job.durable:
            return durably(submissions, submission, size)
        return submissions.add(submission, size)

    def submit_telling(self, submission: Submission, told: Hearer[Receipt]) -> None:
        if submission.job.durable:
            super().submit_telling(submission, told)
            return
        submissions = self._submissions[self._only or self._router.of_id(submission.id)]
        submissions.put(submission, len(submission.job.arguments) + OVERHEAD, told)

    def check(self, submission: Submission) -> None:
        check(self._router.of_id(submission.id), submission.job)

    async def submit_again(self, submissions: Sequence[Submission]) -> Sequence[Receipt | Exception]:
        by_id = {submission.id: submission for submission in submissions}
        answers: dict[str, Receipt | Exception] = {}
        for partition, ids in self._router.by_id(by_id).items():
            some = [by_id[id] for id in ids]
            again = await self._submissions[partition].again(some)
            if any(submission.job.durable for submission in some):
                await endured(partition)
            answers |= zip(ids, again, strict=True)
        return [answers[submission.id] for submission in submissions]

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
            found += [read_standing(id, reply) for id, reply in zip(some, replies, strict=False)]
        return found

    async def collected(self, id: str) -> bool:
        return bool((await self._router.of_id(id).verb("collected", id))[0])

    async def fetch(self, id: str) -> Outcome | None:
        partition = self._router.of_id(id)
        data = await partition.command("GET", partition.keys.result(id))
        return codec.read_outcome(id, data) if data else None
