"""Whether another attempt follows a failed one, and when."""

from __future__ import annotations

from relay.timing.backoff import Backoff

RETRY = Backoff(1.0, limit=300.0, jitter=0.5)


def pause(attempt: int, allowed: int) -> float | None:
    """Seconds until the next attempt after number `attempt` of `allowed` failed; None if that was the last."""
    return None if attempt >= allowed else RETRY.pause(attempt)
