"""The states of a job, and the transitions between them."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a job stands."""

    SCHEDULED = "scheduled"  # due later: delayed, or backing off after a failure
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # its deadline passed before it ended

    @property
    def complete(self) -> bool:
        """Whether nothing more can happen to the job."""
        return not TRANSITIONS[self]


#: each answer asks for it, and to find it in its class takes as long as a call
SUCCEEDED = State.SUCCEEDED

#: From each state, the states that a job can go to next. Whatever has no way out is complete.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.QUEUED, State.CANCELLED, State.EXPIRED}),
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED, State.EXPIRED}),
    # back to queued: its worker died; back to scheduled: it failed and will be tried again
    State.RUNNING: frozenset(
        {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.QUEUED, State.SCHEDULED}
    ),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
}
