"""The verbs of all who submit jobs, on the store in memory."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail, succeed

from relay.model.problems.base import RelayError
from relay.model.problems.request import KeyReused, QueueFull
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.memory.dataset import ANYONE
from relay.store.memory.joins import join, joined
from relay.store.memory.member import MemoryMember
from relay.store.memory.record import LiveJob
from relay.store.messages import Receipt, Submission
from relay.store.submitters import SubmitterStore


class MemorySubmitterStore(MemoryMember, SubmitterStore):
    """A `SubmitterStore` in memory."""

    def up(self) -> list[int]:
        return [0]

    def mint(self, pin: str = "", beside: str = "") -> str:
        return self.store.mint()

    def minted_elsewhere(self, id: str) -> bool:
        return self.store.minted_elsewhere(id)

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        receipt = self._submit(submission, again=False)
        return fail(receipt) if isinstance(receipt, Exception) else succeed(receipt)

    def check(self, submission: Submission) -> None:
        """What is in memory is as durable as it gets."""

    async def submit_again(self, submissions: Sequence[Submission]) -> Sequence[Receipt | Exception]:
        return [self._submit(submission.accepted(), again=True) for submission in submissions]

    def add_firing(self, submission: Submission) -> str:
        """The id of the job that is there for a firing; "" if there is no room."""
        receipt = self._submit(submission, again=True)
        return receipt.id if isinstance(receipt, Receipt) else ""

    def _submit(self, submission: Submission, again: bool) -> Receipt | RelayError:
        data, job = self.data, submission.job
        found = data.by_key(job.key) if job.key else None
        if found is not None:
            id, fingerprint = found
            return self._recall(submission, id) if fingerprint == job.fingerprint else KeyReused()
        if again and data.standing(ANYONE, submission.id) is not None:
            return self._recall(submission, submission.id)
        if other := joined(data, submission):
            return self._join(submission, other, again)
        if data.is_full(job):
            return QueueFull()
        refused = data.allowances.admit(submission, data.alive(job.caller))
        if refused is not None:
            return refused
        now = data.now()
        deadline = now + submission.deadline if submission.deadline else 0
        due = now + submission.delay if submission.delay else 0
        live = LiveJob(submission.id, job, now, deadline, due=due)
        data.add(live)
        data.ones.add(submission.id, job)
        parent = data.ended(job.parent)
        if parent is not None and parent.outcome.state is not State.SUCCEEDED:
            data.cancel(live)
        return Receipt(submission.id, now, True)

    def _join(self, submission: Submission, id: str, again: bool) -> Receipt | RelayError:
        refused = None if again else self.data.allowances.call(submission)
        if refused is not None:
            return refused
        join(self.data, submission, id)
        return self._recall(submission, id)

    def _recall(self, submission: Submission, id: str) -> Receipt:
        """What is known of a job that was submitted before."""
        known = self._attach(ANYONE, id)
        outcome = known if isinstance(known, Outcome) else None
        return Receipt(id, self.data.now(), id == submission.id, outcome)

    async def attach_all(self, ids: Sequence[str]) -> list[JobStatus | Outcome | None]:
        return [self._attach(ANYONE, id) for id in ids]

    def _attach(self, owner: str, id: str) -> JobStatus | Outcome | None:
        known, live = self.data.standing(owner, id), self.data.jobs.get(id)
        if known is not None and live is not None:
            live.left.clear()
            if self.inbox not in live.inboxes:
                live.waiting.append(self.inbox)
        return known

    async def collected(self, id: str) -> bool:
        return self.data.collect(id)

    async def fetch(self, id: str) -> Outcome | None:
        ended = self.data.ended(id)
        return ended.outcome if ended else None
