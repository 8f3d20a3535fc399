"""The waiting room: for each job that somebody waits for, the Deferreds to fire with its outcome."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from relay.state import Outcome
from relay.store.messages import Submission, read_outcome


class WaitingRoom:
    """Each waiter has its own Deferred; cancelling it only takes the waiter out.

    An outcome can be here before it is known that somebody waits for it: the answer to a submission whose key
    stood for another job may be slower. So outcomes that nobody waits for are kept for one to two turns.
    """

    def __init__(self) -> None:
        self._waiters: dict[str, list[Deferred[Outcome]]] = {}
        self._pledges: dict[str, Submission] = {}
        self._strays: dict[str, bytes] = {}
        self._older_strays: dict[str, bytes] = {}

    def __len__(self) -> int:
        """How many jobs are waited for."""
        return len(self._waiters)

    def __contains__(self, id: str) -> bool:
        return id in self._waiters

    def ids(self) -> list[str]:
        """The jobs that are waited for."""
        return list(self._waiters)

    def wait(self, id: str) -> Deferred[Outcome]:
        """Fires with the job's outcome, or fails with the `RelayError` that keeps it from being known."""
        waiter: Deferred[Outcome] = Deferred(lambda cancelled: self._leave(id, cancelled))
        self._waiters.setdefault(id, []).append(waiter)
        stray = self._strays.get(id) or self._older_strays.get(id)
        if stray is not None:
            self.tell(read_outcome(id, stray))
        return waiter

    def arrived(self, id: str, kept: bytes) -> None:
        """An outcome came, as the store keeps it."""
        if id in self._waiters:
            self.tell(read_outcome(id, kept))
        else:
            self._strays[id] = kept

    def tell(self, outcome: Outcome) -> None:
        """Tell all who wait for this job."""
        for waiter in self._empty(outcome.id):
            waiter.callback(outcome)

    def fail(self, id: str, error: Exception) -> None:
        """Nobody will ever know how this job ended."""
        for waiter in self._empty(id):
            waiter.errback(error)

    def turn(self) -> None:
        """Let time pass for outcomes that nobody waits for."""
        self._older_strays, self._strays = self._strays, {}

    # -- what was submitted for them, in case that the store forgets --

    def pledge(self, id: str, submission: Submission) -> None:
        """Keep a submission as long as somebody waits for its job."""
        if id in self._waiters:
            self._pledges[id] = submission

    def pledged(self, id: str) -> Submission | None:
        return self._pledges.get(id)

    def move(self, id: str, other: str) -> None:
        """Who waited for one job waits for another from now on."""
        for waiter in self._empty(id):
            self.wait(other).chainDeferred(waiter)

    def _empty(self, id: str) -> list[Deferred[Outcome]]:
        self._pledges.pop(id, None)
        return self._waiters.pop(id, [])

    def _leave(self, id: str, waiter: Deferred[Outcome]) -> None:
        waiters = self._waiters.get(id, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._empty(id)
