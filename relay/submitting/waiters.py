"""The registry of waiters: for each job, the Deferreds that wait for its outcome."""

from __future__ import annotations

import msgspec
from twisted.internet.defer import Deferred

from relay.model.ids import partition_of
from relay.model.status import Outcome
from relay.store.codec import read_outcome
from relay.store.messages import Submission


class Waiter(Deferred[Outcome]):
    """Fires with the outcome of a job, `id`, which may be another than at first (`Waiters.move`). It knows its job, so
    that all waiters share one canceller. `submission`: of its job, if it is the only one that waits for that."""

    id = ""
    submission: Submission | None = None


class SeveralWaiters(dict[Waiter, None]):
    """Those who wait for one job, with its submission."""

    __slots__ = ("submission",)

    def __init__(self, first: Waiter) -> None:
        super().__init__({first: None})
        self.submission = first.submission


class Waiters:
    """Each waiter has its own Deferred; cancelling it only takes the waiter out. The submission of a job is kept while
    it is waited for, to be sent again if the store loses the job.

    An outcome can arrive before its waiter is registered, because the answer to a submission whose key stands for
    another job may be slower. So outcomes without a waiter are kept for one to two turns.
    """

    def __init__(self) -> None:
        self._by_job: dict[str, Waiter | SeveralWaiters] = {}  # nearly always one
        self._early: dict[str, bytes] = {}
        self._older_early: dict[str, bytes] = {}
        self._canceller = self._leave

    def __len__(self) -> int:
        """How many jobs are waited for."""
        return len(self._by_job)

    def __contains__(self, id: str) -> bool:
        return id in self._by_job

    def ids_of(self, partition: int) -> list[str]:
        """The jobs of a partition that are waited for. All jobs are looked at, about 0.5 µs each, because only a
        loss of data asks for them."""
        return [id for id in self._by_job if partition_of(id) == partition]

    def wait(self, id: str, submission: Submission | None = None) -> Waiter:
        """Fires with the job's outcome, or fails with the `RelayError` that keeps it from being known. A `submission`
        is kept as by `keep`."""
        waiter = Waiter(self._canceller)
        waiter.id = id
        if self._by_job.setdefault(id, waiter) is not waiter:
            self._join(waiter)
        if submission is not None:
            self._by_job[id].submission = submission
        if self._early or self._older_early:
            self._tell_early(id)
        return waiter

    def _join(self, waiter: Waiter) -> None:
        """Another one waits for a job."""
        others = self._by_job[waiter.id]
        if isinstance(others, Waiter):
            others = self._by_job[waiter.id] = SeveralWaiters(others)
        others[waiter] = None

    def arrived(self, id: str, kept: bytes) -> None:
        """An outcome came, as the store keeps it."""
        if id in self._by_job:
            self.tell(read_outcome(id, kept))
        else:
            self._early[id] = kept

    def tell(self, outcome: Outcome) -> None:
        """Fire all waiters of this job."""
        found = self._by_job.pop(outcome.id, ())
        for waiter in (found,) if isinstance(found, Waiter) else found:
            if not waiter.called:  # else one before it has had it leave
                waiter.callback(outcome)

    def fail(self, id: str, error: Exception) -> None:
        """The outcome of this job can't be known: fail its waiters."""
        found = self._by_job.pop(id, ())
        for waiter in (found,) if isinstance(found, Waiter) else found:
            if not waiter.called:
                waiter.errback(error)

    def turn(self) -> None:
        """Drop old outcomes without a waiter."""
        self._older_early, self._early = self._early, {}

    # -- what was submitted for them, in case the store forgets --

    def keep(self, id: str, submission: Submission) -> None:
        """Keep a submission while its job has waiters."""
        if id in self._by_job:
            self._by_job[id].submission = submission

    def resubmission(self, id: str) -> Submission | None:
        found = self._by_job.get(id)
        return None if found is None else found.submission

    def move(self, id: str, other: str) -> None:
        """The waiters of one job wait for another from now on, for which its submission does as well."""
        moved = self._by_job.pop(id, None)
        if moved is None:
            return
        submission = self.resubmission(other)
        if submission is None and moved.submission is not None:
            submission = msgspec.structs.replace(moved.submission, id=other)
        for waiter in (moved,) if isinstance(moved, Waiter) else moved:
            waiter.id = other
            if self._by_job.setdefault(other, waiter) is not waiter:
                self._join(waiter)
        self._by_job[other].submission = submission
        self._tell_early(other)

    def _tell_early(self, id: str) -> None:
        early = self._early.get(id) or self._older_early.get(id)
        if early is not None:
            self.tell(read_outcome(id, early))

    def _leave(self, waiter: Deferred[Outcome]) -> None:
        assert isinstance(waiter, Waiter)
        found = self._by_job.get(waiter.id)
        if isinstance(found, SeveralWaiters):
            found.pop(waiter, None)
        if found is waiter or found == {}:
            del self._by_job[waiter.id]


def leave(waiter: Deferred[Outcome] | None) -> None:
    """Stop waiting."""
    if waiter is not None:
        waiter.addErrback(lambda _: None)
        waiter.cancel()
