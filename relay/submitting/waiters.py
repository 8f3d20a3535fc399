"""The registry of waiters: for each job, those who wait for its outcome."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.ids import partition_of
from relay.model.status import Outcome
from relay.store.codec import read_outcome
from relay.store.messages import Submission


class Waiter:
    """Waits for the outcome of a job, `id`, which may be another than at first (`Waiters.move`). It is told once, as a
    Deferred is, and costs a fifth of one. `submission`: of its job, if it is the only one that waits for that."""

    _log = Logger()
    __slots__ = ("_hear", "_left", "_result", "called", "id", "submission")

    def __init__(self, id: str, left: Callable[[Waiter], None]) -> None:
        self.id = id
        self.submission: Submission | None = None
        self.called = False  # whether it is told, or has left
        self._left = left
        self._hear: Callable[[Outcome | Failure], object] | None = None
        self._result: Outcome | Failure | None = None  # until somebody hears it

    def hear(self, hear: Callable[[Outcome | Failure], object]) -> None:
        """Have this one called with the outcome, or with what keeps it from being known: at once, if that is here."""
        self._hear = hear
        if self._result is not None:
            self._pass_on(self._result)

    def callback(self, result: Outcome | Failure) -> None:
        """It is known how the job has ended, or that this can't be known."""
        if self.called:
            return
        self.called = True
        if self._hear is None:
            self._result = result
        else:
            self._pass_on(result)

    def _pass_on(self, result: Outcome | Failure) -> None:
        hear, self._hear, self._result = self._hear, None, None
        try:
            hear(result)  # type: ignore[misc]
        except BaseException:  # the others who wait are told all the same
            self._log.failure("the outcome of job {id} could not be told", id=self.id)

    def cancel(self) -> None:
        """Wait no more: nobody hears anything."""
        self._hear = self._result = None
        if not self.called:
            self.called = True
            self._left(self)


class SeveralWaiters(dict[Waiter, None]):
    """Those who wait for one job, with its submission."""

    __slots__ = ("submission",)

    def __init__(self, first: Waiter) -> None:
        super().__init__({first: None})
        self.submission = first.submission


class Waiters:
    """Each waiter is told by itself; cancelling it only takes it out. The submission of a job is kept while it is
    waited for, to be sent again if the store loses the job.

    An outcome can arrive before its waiter is registered, because the answer to a submission whose key stands for
    another job may be slower. So outcomes without a waiter are kept for one to two turns.
    """

    def __init__(self) -> None:
        self._by_job: dict[str, Waiter | SeveralWaiters] = {}  # nearly always one
        self._early: dict[str, bytes] = {}
        self._older_early: dict[str, bytes] = {}
        self._left = self._leave

    def __len__(self) -> int:
        """How many jobs are waited for."""
        return len(self._by_job)

    def __contains__(self, id: str) -> bool:
        return id in self._by_job

    def ids_of(self, partition: int) -> list[str]:
        """The jobs of a partition that are waited for. All jobs are looked at, about 0.5 µs each, because only a
        loss of data asks for them."""
        return [id for id in self._by_job if partition_of(id) == partition]

    def enter(self, id: str, submission: Submission | None = None) -> Waiter:
        """One who waits for a job from now on, and hears its outcome, or the `RelayError` that keeps it from being
        known. A `submission` is kept as by `keep`."""
        waiter = Waiter(id, self._left)
        if self._by_job.setdefault(id, waiter) is not waiter:
            self._join(waiter)
        if submission is not None:
            self._by_job[id].submission = submission
        if self._early or self._older_early:
            self._tell_early(id)
        return waiter

    def wait(self, id: str, submission: Submission | None = None) -> Deferred[Outcome]:
        """The same as a Deferred, which fails with the error."""
        waiter = self.enter(id, submission)
        answer: Deferred[Outcome] = Deferred(lambda _: waiter.cancel())
        waiter.hear(answer.callback)  # which takes a Failure, too
        return answer

    def _join(self, waiter: Waiter) -> None:
        """Another one waits for a job."""
        others = self._by_job[waiter.id]
        if isinstance(others, Waiter):
            others = self._by_job[waiter.id] = SeveralWaiters(others)
        others[waiter] = None

    def arrived(self, id: str, kept: bytes) -> None:
        """An outcome came, as the store keeps it."""
        if id in self._by_job:
            self._tell(id, read_outcome(id, kept))
        else:
            self._early[id] = kept

    def tell(self, outcome: Outcome) -> None:
        """Tell all waiters of this job."""
        self._tell(outcome.id, outcome)

    def fail(self, id: str, error: Exception) -> None:
        """The outcome of this job can't be known: fail its waiters."""
        self._tell(id, Failure(error))

    def _tell(self, id: str, result: Outcome | Failure) -> None:
        found = self._by_job.pop(id, ())
        for waiter in (found,) if isinstance(found, Waiter) else found:
            waiter.callback(result)  # nothing happens if one before it has had it leave

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

    def _leave(self, waiter: Waiter) -> None:
        found = self._by_job.get(waiter.id)
        if isinstance(found, SeveralWaiters):
            found.pop(waiter, None)
        if found is waiter or found == {}:
            del self._by_job[waiter.id]


def leave(waiter: Waiter | Deferred[Outcome] | None) -> None:
    """Stop waiting."""
    if isinstance(waiter, Waiter):
        waiter.cancel()
    elif waiter is not None:
        waiter.addErrback(lambda _: None)
        waiter.cancel()
