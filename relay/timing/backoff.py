"""Pauses between attempts that fail: each longer than the last, up to a limit."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

_MOST_STEPS = 64  # a pause that has no limit stays a number that a timer takes


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first` seconds after the first failure, `factor` times as long after each further one, up to `limit`. A share of
    each pause, `jitter` (0…1), is random, so that those that failed together do not come back together."""

    first: float
    limit: float = math.inf
    factor: float = 2.0
    jitter: float = 0.0

    def pause(self, failures: int, chance: float | None = None) -> float:
        """Seconds to wait after this many failures in a row. `chance` (0…1, 1 for the longest pause) is drawn unless it
        is given."""
        longest = min(self.limit, self.first * self.factor ** min(max(failures - 1, 0), _MOST_STEPS))
        if not self.jitter:
            return longest
        drawn = random.random() if chance is None else chance
        return longest * (1.0 - self.jitter * (1.0 - drawn))
