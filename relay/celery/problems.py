"""What a job fails with whose work Celery does."""

from __future__ import annotations

from relay.model.problems.base import JobError

AWAY = 5.0  # seconds for a broker or a backend that does not answer


class CeleryAway(JobError):
    """Celery's broker or result backend can't be reached, or refuses, so nothing was queued. Send the same again later;
    a key is as if it had not been used."""

    status, slug, title = 503, "celery-away", "Celery can't be reached"
    uncounted = undone = True

    def __init__(self, what: str) -> None:
        super().__init__(f"Celery's {what} is unavailable", retryable=True)


class CeleryTimeout(JobError):
    """The Celery task, whose id is `task_id`, had no result within the job's time. No worker of Celery may have begun
    it, its worker may have died, or it ignores results. Check what it did before you submit it again."""

    status, slug, title = 504, "celery-timeout", "Celery did not answer in time"

    def __init__(self, task_id: str) -> None:
        detail = "Celery has no result: its worker may have died, or may not store results"
        super().__init__(detail, retryable=True, task_id=task_id)


class CeleryRevoked(JobError):
    """The Celery task was revoked, by somebody who may revoke tasks, before it was done. Submit it again, under a new
    key, if it is still wanted."""

    status, slug, title = 409, "celery-revoked", "The task was revoked"

    def __init__(self) -> None:
        super().__init__("the task was revoked")


class CeleryFailed(JobError):
    """The Celery task raised an exception: `exc_type` and `exc_module` name its class, `detail` is its message."""

    status, slug, title = 500, "celery-failed", "The task failed"

    def __init__(self, detail: str, exc_type: object, exc_module: object) -> None:
        super().__init__(detail, retryable=True, exc_type=exc_type, exc_module=exc_module)


PROBLEMS = (CeleryAway, CeleryTimeout, CeleryRevoked, CeleryFailed)
