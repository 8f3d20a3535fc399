"""What callers may take of the store in memory."""

from __future__ import annotations

import math
from collections.abc import Callable

from relay.model.problems.base import RelayError
from relay.model.problems.request import RateExceeded, TooManyQueued
from relay.store.messages import Submission


class Allowances:
    """Counts what each caller submits. A window's calls may come at once, then one more in each window/calls. `now` is
    in milliseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._lasts: dict[str, float] = {}  # until when (ms) what a caller took lasts, were it spread evenly

    def refusal(self, submission: Submission, alive: int) -> RelayError | None:
        """Why its caller, of whom so many jobs live, may not add this job; None where it may."""
        most, rate = submission.queued, submission.rate
        if submission.job.caller and most and alive >= most:
            return TooManyQueued(most)
        if not rate.window:
            return None
        each = rate.window * 1000 / rate.calls
        wait = self._ahead(submission) + each - rate.window * 1000
        return RateExceeded(rate, math.ceil(wait) / 1000) if wait > each / 10 else None

    def take(self, submission: Submission) -> None:
        """Its caller adds it."""
        rate = submission.rate
        if rate.window:
            lasts = self._now() + self._ahead(submission) + rate.window * 1000 / rate.calls
            self._lasts[submission.caller] = lasts

    def _ahead(self, submission: Submission) -> float:
        ahead = self._lasts.get(submission.caller, 0) - self._now()
        return max(0, min(ahead, submission.rate.window * 1000))
