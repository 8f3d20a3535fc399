"""What callers may take of the store in memory."""

from __future__ import annotations

import math
from collections.abc import Callable

from relay.model.problems.base import RelayError
from relay.model.problems.caller import RateExceeded, TooManyQueued
from relay.store.messages import Submission


class Allowances:
    """Counts what each caller submits. A window's calls may come at once, then one more in each window/calls. `now` is
    in milliseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._lasts: dict[str, float] = {}  # until when (ms) what a caller took lasts, were it spread evenly

    def admit(self, submission: Submission, alive: int) -> RelayError | None:
        """Its caller, of whom so many jobs live, adds it; the error if that may not be."""
        most = submission.queued
        if submission.job.caller and most and alive >= most:
            return TooManyQueued(most)
        return self.call(submission)

    def call(self, submission: Submission) -> RelayError | None:
        """Its caller has called; the error if that was too often."""
        rate = submission.rate
        if not rate.window:
            return None
        each, ahead = rate.window * 1000 / rate.calls, self._ahead(submission)
        wait = ahead + each - rate.window * 1000
        if wait > each / 10:
            return RateExceeded(rate, math.ceil(wait) / 1000)
        self._lasts[submission.caller] = self._now() + ahead + each
        return None

    def forget(self, caller: str) -> None:
        """It is as if this caller had never called."""
        self._lasts.pop(caller, None)

    def _ahead(self, submission: Submission) -> float:
        ahead = self._lasts.get(submission.caller, 0) - self._now()
        return max(0, min(ahead, submission.rate.window * 1000))
