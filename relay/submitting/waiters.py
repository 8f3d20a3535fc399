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
    that all waiters share one canceller."""

    id = ""


FEW = 8  # waiters of one job, nearly always one: a tuple is small, but taking one out of many takes its time


class Waiting:
    """The waiters of one job, and its submission, kept for resending if the store loses the job."""

    __slots__ = ("resubmission", "waiters")

    def __init__(self) -> None:
        self.resubmission: Submission | None = None
        self.waiters: tuple[Waiter, ...] | dict[Waiter, None] = ()

    def add(self, waiter: Waiter) -> None:
        """Another one waits."""
        if len(self.waiters) == FEW:
            self.waiters = dict.fromkeys(self.waiters)
        if isinstance(self.waiters, dict):
            self.waiters[waiter] = None
        else:
            self.waiters += (waiter,)

    def discard(self, waiter: Waiter) -> None:
        """One waits no more."""
        if isinstance(self.waiters, dict):
            self.waiters.pop(waiter, None)
        else:
            self.waiters = tuple(other for other in self.waiters if other is not waiter)


class Waiters:
    """Each waiter has its own Deferred; cancelling it only takes the waiter out.

    An outcome can arrive before its waiter is registered, because the answer to a submission whose key stands for
    another job may be slower. So outcomes without a waiter are kept for one to two turns.
    """

    def __init__(self) -> None:
        self._by_job: dict[str, Waiting] = {}
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

    def wait(self, id: str) -> Waiter:
        """Fires with the job's outcome, or fails with the `RelayError` that keeps it from being known."""
        waiter = Waiter(self._canceller)
        waiter.id = id
        waiting = self._by_job.get(id)
        if waiting is None:
            waiting = self._by_job[id] = Waiting()
        waiting.add(waiter)
        self._tell_early(id)
        return waiter

    def arrived(self, id: str, kept: bytes) -> None:
        """An outcome came, as the store keeps it."""
        if id in self._by_job:
            self.tell(read_outcome(id, kept))
        else:
            self._early[id] = kept

    def tell(self, outcome: Outcome) -> None:
        """Fire all waiters of this job."""
        waiting = self._by_job.pop(outcome.id, None)
        for waiter in waiting.waiters if waiting is not None else ():
            if not waiter.called:  # else one before it has had it leave
                waiter.callback(outcome)

    def fail(self, id: str, error: Exception) -> None:
        """The outcome of this job can't be known: fail its waiters."""
        waiting = self._by_job.pop(id, None)
        for waiter in waiting.waiters if waiting is not None else ():
            if not waiter.called:
                waiter.errback(error)

    def turn(self) -> None:
        """Drop old outcomes without a waiter."""
        self._older_early, self._early = self._early, {}

    # -- what was submitted for them, in case the store forgets --

    def keep(self, id: str, submission: Submission) -> None:
        """Keep a submission while its job has waiters."""
        waiting = self._by_job.get(id)
        if waiting is not None:
            waiting.resubmission = submission

    def resubmission(self, id: str) -> Submission | None:
        waiting = self._by_job.get(id)
        return None if waiting is None else waiting.resubmission

    def move(self, id: str, other: str) -> None:
        """The waiters of one job wait for another from now on, for which its submission does as well."""
        moved = self._by_job.pop(id, None)
        if moved is None:
            return
        waiting = self._by_job.setdefault(other, Waiting())
        for waiter in moved.waiters:
            waiter.id = other
            waiting.add(waiter)
        if moved.resubmission is not None and waiting.resubmission is None:
            waiting.resubmission = msgspec.structs.replace(moved.resubmission, id=other)
        self._tell_early(other)

    def _tell_early(self, id: str) -> None:
        early = self._early.get(id) or self._older_early.get(id)
        if early is not None:
            self.tell(read_outcome(id, early))

    def _leave(self, waiter: Deferred[Outcome]) -> None:
        assert isinstance(waiter, Waiter)
        waiting = self._by_job.get(waiter.id)
        if waiting is None:
            return
        waiting.discard(waiter)
        if not waiting.waiters:
            del self._by_job[waiter.id]


def leave(waiter: Deferred[Outcome] | None) -> None:
    """Stop waiting."""
    if waiter is not None:
        waiter.addErrback(lambda _: None)
        waiter.cancel()
