"""Jobs that a session has claimed, or was handed, until they are begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twisted.logger import Logger

from relay.model.job import Claim
from relay.model.problems.job import JobFailed
from relay.model.state import State
from relay.store.handing import HandedJob
from relay.store.messages import Report
from relay.worker.checkpoints import Checkpoints
from relay.worker.claiming import ClaimRunner
from relay.worker.handed import HandedJobs

SOME = 32  # jobs that are begun before the next turn


class Arrivals:
    """Of one session. `held` has its jobs, with the turns that claimed them; `report` is told of those that can't be
    begun."""

    _log = Logger()

    def __init__(
        self,
        runner: ClaimRunner,
        held: dict[str, tuple[Claim, int]],
        checkpoints: Checkpoints,
        report: Callable[[Report], None],
    ) -> None:
        #: those that were not begun yet, and since when they were claimed
        self.claimed: deque[tuple[Claim, float]] = deque()
        self._runner = runner
        self._held = held
        self._report = report
        self._checkpoints = checkpoints
        self.handed = HandedJobs()

    def take(self, claims: Iterable[Claim], number: int, since: float) -> None:
        """What the session's turn `number` has claimed, at `since` or later, by the clock."""
        for claim in claims:
            if claim.id in self._held:  # it was handed, and is told of again
                self._held[claim.id] = (self._held[claim.id][0], number)
                continue
            self._held[claim.id] = (claim, number)
            if claim.checkpoint:
                self._checkpoints.keep(claim.id, claim.checkpoint)
            self.claimed.append((claim, since))
        self.handed.answered(number)

    def hand(self, session: str, jobs: Iterable[HandedJob], now: float) -> None:
        """What the store has handed to the session, as it says."""
        for job in jobs:
            if job.session == session and self.handed.hears(job) and job.claim.id not in self._held:
                self._held[job.claim.id] = (job.claim, job.number)
                self.claimed.append((job.claim, now))

    def begin_some(self) -> None:
        """Begin a few: what ends at once is told while the others are begun."""
        for _ in range(min(SOME, len(self.claimed))):
            claim, since = self.claimed.popleft()
            held, _ = self._held.get(claim.id, (None, 0))
            if held is claim:  # it may have been lost, or lost and claimed again, meanwhile
                try:
                    self._runner.take(claim, since)
                except Exception:
                    self._log.failure("job {id} could not be started", id=claim.id)
                    self._report(Report(claim.id, State.FAILED, JobFailed.slug))
