"""Whether another attempt follows a failed one, and when."""

from __future__ import annotations

import random

FIRST_PAUSE = 1.0  # seconds, doubled for each further attempt up to:
LONGEST_PAUSE = 300.0


def pause(attempt: int, allowed: int, jitter: float | None = None) -> float | None:
    """Seconds until the next attempt after number `attempt` of `allowed` failed; None if that was the last.

    Half of a pause is random (`jitter`, 0…1), so that jobs that failed together do not come back together.
    """
    if attempt >= allowed:
        return None
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt - 1, 20))
    return longest * (1 + (random.random() if jitter is None else jitter)) / 2
