"""The error of a job whose Celery can't be reached."""

from __future__ import annotations

from relay.errors import JobError

AWAY = 5.0  # seconds for a broker or a backend that does not answer


class CeleryAway(JobError):
    """Celery's broker or result backend can't be reached, so nothing was queued. Submit again later; the same key may
    be used."""

    free = undone = True

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Celery's {what} is unavailable",
            status=503,
            type="celery-away",
            title="Celery can't be reached",
            retryable=True,
        )
