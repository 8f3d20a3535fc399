"""The registry of waiters: for each job, the Deferreds that wait for its outcome."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred

from relay.state import Outcome
from relay.store.messages import Submission, read_outcome


class Waiter(Deferred[Outcome]):
    """Fires with a job's outcome. It knows its job, so that all waiters share one canceller."""

    id = ""


FEW = 8  # waiters of one job, nearly always one: a tuple is small, but taking one out of many takes its time


class Seats:
    """The waiters of one job, and its submission, kept for resending if the store loses the job."""

    __slots__ = ("pledge", "waiters")

    def __init__(self) -> None:
        self.pledge: Submission | None = None
        self.waiters: tuple[Waiter, ...] | dict[Waiter, None] = ()

    def add(self, waiter: Waiter) -> None:
        if len(self.waiters) == FEW:
            self.waiters = dict.fromkeys(self.waiters)
        if isinstance(self.waiters, dict):
            self.waiters[waiter] = None
        else:
            self.waiters += (waiter,)

    def discard(self, waiter: Waiter) -> None:
        if isinstance(self.waiters, dict):
            self.waiters.pop(waiter, None)
        else:
            self.waiters = tuple(other for other in self.waiters if other is not waiter)


class WaitingRoom:
    """Each waiter has its own Deferred; cancelling it only takes the waiter out.

    An outcome can arrive before its waiter is registered, because the answer to a submission whose key stands for
    another job may be slower. So outcomes without a waiter are kept for one to two turns.
    """

    def __init__(self) -> None:
        self._seats: dict[str, Seats] = {}
        self._strays: dict[str, bytes] = {}
        self._older_strays: dict[str, bytes] = {}
        self._canceller = self._leave

    def __len__(self) -> int:
        """How many jobs are waited for."""
        return len(self._seats)

    def __contains__(self, id: str) -> bool:
        return id in self._seats

    def ids(self) -> list[str]:
        """The jobs that are waited for."""
        return list(self._seats)

    def wait(self, id: str) -> Deferred[Outcome]:
        """Fires with the job's outcome, or fails with the `RelayError` that keeps it from being known."""
        waiter = Waiter(self._canceller)
        waiter.id = id
        seats = self._seats.get(id)
        if seats is None:
            seats = self._seats[id] = Seats()
        seats.add(waiter)
        stray = self._strays.get(id) or self._older_strays.get(id)
        if stray is not None:
            self.tell(read_outcome(id, stray))
        return waiter

    def arrived(self, id: str, kept: bytes) -> None:
        """An outcome came, as the store keeps it."""
        if id in self._seats:
            self.tell(read_outcome(id, kept))
        else:
            self._strays[id] = kept

    def tell(self, outcome: Outcome) -> None:
        """Fire all waiters of this job."""
        for waiter in self._empty(outcome.id):
            waiter.callback(outcome)

    def fail(self, id: str, error: Exception) -> None:
        """The outcome of this job can't be known: fail its waiters."""
        for waiter in self._empty(id):
            waiter.errback(error)

    def turn(self) -> None:
        """Drop old outcomes without a waiter."""
        self._older_strays, self._strays = self._strays, {}

    # -- what was submitted for them, in case that the store forgets --

    def pledge(self, id: str, submission: Submission) -> None:
        """Keep a submission while its job has waiters."""
        seats = self._seats.get(id)
        if seats is not None:
            seats.pledge = submission

    def pledged(self, id: str) -> Submission | None:
        seats = self._seats.get(id)
        return None if seats is None else seats.pledge

    def move(self, id: str, other: str) -> None:
        """Move the waiters of one job to another."""
        for waiter in self._empty(id):
            self.wait(other).chainDeferred(waiter)

    def _empty(self, id: str) -> Iterable[Waiter]:
        seats = self._seats.pop(id, None)
        return () if seats is None else seats.waiters

    def _leave(self, waiter: Deferred[Outcome]) -> None:
        assert isinstance(waiter, Waiter)
        seats = self._seats.get(waiter.id)
        if seats is None:
            return
        seats.discard(waiter)
        if not seats.waiters:
            del self._seats[waiter.id]
