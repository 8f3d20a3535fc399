"""What is kept of one job of a relay alone: all that it said and did, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from relay.model import envelope
from relay.model.job import Job
from relay.model.problems.base import JobError, RelayError
from relay.model.problems.job import JobTimeout
from relay.model.problems.registry import catalogue
from relay.model.state import State
from relay.model.status import Outcome
from relay.worker.causes import decisive, is_cancellation


@dataclass(eq=False)
class KeptJob:
    """A job that was submitted. Times are seconds by the relay's clock."""

    id: str
    job: Job
    created: float
    #: what its handler reported: fractions, and messages
    progress: list[tuple[float, str]] = field(default_factory=list)
    #: what it put out, as JSON says it
    emitted: list[Any] = field(default_factory=list)
    #: what it left for a further attempt
    checkpoints: list[Any] = field(default_factory=list)
    #: what its attempts raised, each in turn
    errors: list[BaseException] = field(default_factory=list)
    #: lines of the log that are about it
    log: list[str] = field(default_factory=list)
    #: called with each progress
    on_progress: Callable[[float, str], None] = lambda fraction, message: None
    outcome: Outcome | None = None
    ended: float = 0.0

    @property
    def name(self) -> str:
        """Of the job."""
        return self.job.name

    @property
    def arguments(self) -> dict[str, Any]:
        """As they were submitted, as JSON says them."""
        decoded: dict[str, Any] = msgspec.json.decode(self.job.arguments)
        return decoded

    @property
    def problem(self) -> dict[str, Any] | None:
        """Why it did not succeed, as a client is told; None for a job that did, or has not ended."""
        if self.outcome is None or self.outcome.state is State.SUCCEEDED:
            return None
        return envelope.problem(self.outcome)

    @property
    def result(self) -> Any:
        """As JSON says it; None for a job that has none."""
        succeeded = self.outcome is not None and self.outcome.state is State.SUCCEEDED
        return msgspec.json.decode(self.outcome.payload) if succeeded and self.outcome else None

    def failed(self, error: BaseException | None) -> None:
        """An attempt failed so, perhaps before its handler was called, or after that had returned. (What a handler
        raises that is out of time was heard from itself.)"""
        is_known = (
            error is None or isinstance(error, JobTimeout) or any(error is each for each in self.errors)
        )
        if error is not None and not is_known:
            self.errors.append(error)

    def error(self) -> BaseException:
        """Why it did not succeed, as an exception: the handler's own where it raised one, and its end comes from it."""
        assert self.outcome is not None
        problem = self.problem or {}
        slug = self.outcome.payload if not self.outcome.payload.startswith("{") else _slug(problem)
        last = decisive(self.errors[-1]) if self.errors else None
        if last is not None and not is_cancellation(last) and slug == _slug_of(last):
            return self.errors[-1]
        kind = catalogue().get(slug) or catalogue().get(_slug(problem))
        if kind is not None and not issubclass(kind, JobError):
            return kind(problem.get("detail", ""))
        return _of_problem(problem)


def _slug(problem: dict[str, Any]) -> str:
    return str(problem.get("type", "")).rpartition("/problems/")[2]


def _slug_of(error: BaseException) -> str:
    """Of the problem that a job fails with that raises this."""
    if isinstance(error, JobError):
        return error.type
    return error.slug if isinstance(error, RelayError) else "job-failed"


def _of_problem(problem: dict[str, Any]) -> JobError:
    status, kind = problem.get("status", 500), _slug(problem) or problem.get("type", "job-failed")
    return JobError(problem.get("detail", ""), status=status, type=kind, title=problem.get("title", ""))
