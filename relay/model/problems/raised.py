"""What handlers raise to say what becomes of their job. The docstring of a class that has a slug says to clients what
happened, and what to do about it."""

from __future__ import annotations

from typing import Any

from relay.model.problems.base import JobError, check_pause


class Retry(JobError):
    """The job asked for another attempt, and had none left. Submit it again later, under a new key."""

    status, slug, title = 503, "attempts-used-up", "It did not succeed in any attempt"
    retry_after = 30

    def __init__(
        self, detail: str | BaseException = "", *, after: float | None = None, **members: Any
    ) -> None:
        if after is not None:
            check_pause(after, "after", "Retry")
        super().__init__(detail, retryable=True, retry_after=after or 0.0, **members)
        self.after = after

    def pause_instead_of(self, usual: float) -> float:
        """Seconds until the next attempt: those that were asked for."""
        return super().pause_instead_of(usual) if self.after is None else self.after


class Discard(JobError):
    """The job's handler found that the job can't succeed, or is no longer wanted, and gave it up. Sending the same
    again gives the same; `detail` says why."""

    status, slug, title = 422, "discarded", "The job was given up"

    def __init__(self, detail: str | BaseException = "", **members: Any) -> None:
        super().__init__(detail, **members)


class OutputTooLarge(JobError):
    """A program that the job runs wrote more than the job takes of it, so it was killed."""

    status, slug, title = 500, "output-too-large", "The output of a program is too large"


class NotReady(JobError):
    """What the job works with, such as a connection to a database, could not be made, so the job was not begun. Send
    the same again later."""

    status, slug, title = 503, "not-ready", "What the job works with is not there"
    retry_after = 5
    undone = True


class NotConfigured(JobError):
    """The operator has not set what this job needs, or not as it has to be; `detail` names the setting. Tell the
    operator; sending the same again gives the same."""

    status, slug, title = 500, "not-configured", "Not configured"
