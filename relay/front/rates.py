"""Callers that are at their rate, as the store said a moment ago: until when it accepts no new job of theirs."""

from __future__ import annotations

from collections.abc import Callable

from relay.model.caller import Caller
from relay.model.memo import Memo
from relay.model.problems.caller import RateExceeded

_MOST_REMEMBERED = 10_000  # callers


class Rates:
    """Refuses again what the store would refuse, so that a caller far above its rate costs others little."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until: Memo[str, float] = Memo(_MOST_REMEMBERED)  # by caller

    def refused(self, caller: Caller, error: RateExceeded) -> None:
        """The store has refused a job of this caller."""
        self._until[caller.name] = self._now() + error.wait

    def check(self, caller: Caller) -> None:
        """Raise `RateExceeded` for a caller whose next job is not accepted yet."""
        wait = self._until.get(caller.name, 0.0) - self._now()
        if wait > 0:
            raise RateExceeded(caller.allowance.rate, wait)
