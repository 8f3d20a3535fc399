"""What became of a job in a test."""

from __future__ import annotations

from typing import Any, Protocol

from relay.model.state import State
from relay.solo.kept import KeptJob
from relay.store.memory.record import following
from relay.testing.answers import ApiRequest


class Surroundings(Protocol):
    """The relay of a job."""

    @property
    def calls(self) -> list[ApiRequest]: ...

    @property
    def jobs(self) -> list[Ran]: ...

    def state(self, kept: KeptJob) -> State: ...


class Ran:
    """A job of a test: what its handler did, and how it ended. Asked before the end, it says what is known so far.
    Times are seconds by the test's clock, which skips."""

    def __init__(self, kept: KeptJob, relay: Surroundings) -> None:
        self._kept = kept
        self._relay = relay

    @property
    def id(self) -> str:
        """Of the job, which also is its `idempotency_key`."""
        return self._kept.id

    @property
    def name(self) -> str:
        """Of the job."""
        return self._kept.name

    @property
    def arguments(self) -> dict[str, Any]:
        """As they were submitted, as JSON says them."""
        return self._kept.arguments

    @property
    def state(self) -> str:
        """``succeeded``, ``failed``, ``cancelled``, ``expired``; before that ``scheduled``, ``queued``, ``running``."""
        return self._relay.state(self._kept).value

    @property
    def result(self) -> Any:
        """What the handler returned, as JSON says it; None for a job that has no result."""
        return self._kept.result

    @property
    def problem(self) -> dict[str, Any] | None:
        """Why it did not succeed, as a client is told; None for a job that did."""
        return self._kept.problem

    @property
    def attempts(self) -> int:
        """How many there were that count."""
        return self._kept.outcome.attempts if self._kept.outcome else len(self._kept.errors)

    @property
    def progress(self) -> list[tuple[float, str]]:
        """All that the handler reported: fractions, and messages."""
        return self._kept.progress

    @property
    def emitted(self) -> list[Any]:
        """All that the handler has put out, as JSON says it, by whichever attempt."""
        return self._kept.emitted

    @property
    def checkpoints(self) -> list[Any]:
        """All that the handler left for a further attempt."""
        return self._kept.checkpoints

    @property
    def errors(self) -> list[BaseException]:
        """What the attempts raised, each in turn."""
        return self._kept.errors

    @property
    def log(self) -> list[str]:
        """The lines of the log that are about it."""
        return self._kept.log

    @property
    def calls(self) -> list[ApiRequest]:
        """The requests that it made to APIs."""
        return [call for call in self._relay.calls if call.job == self.id]

    @property
    def submitted(self) -> list[Ran]:
        """Its sub-jobs, but for those that were detached, and the job that follows it."""
        return [ran for ran in self._relay.jobs if ran.parent == self.id or ran.id == following(self.id)]

    @property
    def parent(self) -> str:
        """The id of the job that submitted it; "" for none."""
        return self._kept.job.parent

    @property
    def elapsed(self) -> float:
        """Seconds from its submission to its end; those are counted that were skipped."""
        return self._kept.ended - self._kept.created

    def value(self) -> Any:
        """The result. Raises why there is none: the handler's own exception where it raised one, else the problem."""
        if self.state == State.SUCCEEDED.value:
            return self.result
        if self._kept.outcome is None:
            raise AssertionError(f"{self!r} has not ended")
        raise self._kept.error()

    def __repr__(self) -> str:
        what = f": {self.problem}" if self.problem else ""
        return f"<job {self.id} ({self.name}) {self.state} in attempt {self.attempts}{what}>"
