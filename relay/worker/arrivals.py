"""Jobs that a session has claimed, until they are begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from twisted.logger import Logger

from relay.model.job import Claim
from relay.model.problems.job import JobFailed
from relay.model.state import State
from relay.store.messages import Report
from relay.worker.claiming import ClaimRunner

SOME = 32  # jobs that are begun before the next turn


class Arrivals:
    """Of one session. `held` has its jobs, `report` is told of those that can't be begun."""

    _log = Logger()

    def __init__(
        self,
        runner: ClaimRunner,
        held: Mapping[str, tuple[Claim, int]],
        report: Callable[[Report], None],
    ) -> None:
        #: those that were not begun yet, and since when they were claimed
        self.claimed: deque[tuple[Claim, float]] = deque()
        self._runner = runner
        self._held = held
        self._report = report

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
