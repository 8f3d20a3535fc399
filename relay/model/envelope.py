"""The envelope: the one shape in which a job's state or outcome is shown, everywhere."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from relay.model.memo import Memo
from relay.model.problems.base import RelayError
from relay.model.problems.job import JobCancelled, JobExpired, JobFailed
from relay.model.problems.registry import catalogue
from relay.model.state import SUCCEEDED, State
from relay.model.status import JobStatus, Outcome, shown_progress

_encode = msgspec.json.Encoder().encode
#: ends that need no words: the store records only the state
_ENDED: dict[State, type[RelayError]] = {State.CANCELLED: JobCancelled, State.EXPIRED: JobExpired}


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Members in the order in which they are shown. Times are whole seconds, UTC (some readers refuse fractions)."""

    id: str
    job: str
    state: State
    complete: bool
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    attempts: int | UnsetType = UNSET
    created: str | UnsetType = UNSET
    started: str | UnsetType = UNSET
    finished: str | UnsetType = UNSET
    expires: str | UnsetType = UNSET
    elapsed_ms: int | UnsetType = UNSET  # from created to finished
    position: int | UnsetType = UNSET
    progress: Raw | UnsetType = UNSET
    durable: bool | UnsetType = UNSET  # of a job that is
    reattach: bool | UnsetType = UNSET  # this server is going away: attach again, at another


class ShownTimes(Memo[int, str | UnsetType]):
    """How times (seconds since 1970) are shown: in each of them many jobs begin or end."""

    def __missing__(self, seconds: int) -> str | UnsetType:
        shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else UNSET
        self[seconds] = shown
        return shown


_TIMES = ShownTimes(1000)


def of_outcome(outcome: Outcome, prefix: str = "") -> bytes:
    """The envelope of a job that has ended; `prefix` is put before relative problem types."""
    succeeded = outcome.state is SUCCEEDED
    return _encode(
        Envelope(
            id=outcome.id,
            job=outcome.name,
            state=outcome.state,
            complete=True,
            result=Raw(outcome.payload) if succeeded else UNSET,
            error=UNSET if succeeded else Raw(_encode(problem(outcome, prefix))),
            attempts=outcome.attempts,
            created=_TIMES[outcome.created // 1000],
            started=_TIMES[outcome.started // 1000],
            finished=_TIMES[outcome.finished // 1000],
            expires=_TIMES[outcome.expires // 1000],
            elapsed_ms=outcome.finished - outcome.created,
            durable=outcome.durable or UNSET,
        )
    )


def of_standing(standing: JobStatus, reattach: bool = False) -> bytes:
    """The envelope of a job that has not ended."""
    return _encode(
        Envelope(
            id=standing.id,
            job=standing.name,
            state=standing.state,
            complete=False,
            attempts=standing.attempts,
            created=_TIMES[standing.created // 1000],
            started=_TIMES[standing.started // 1000],
            position=standing.position or UNSET,
            progress=Raw(shown_progress(standing.progress).encode()) if standing.progress else UNSET,
            durable=standing.durable or UNSET,
            reattach=True if reattach else UNSET,
        )
    )


def problem(outcome: Outcome, prefix: str = "") -> dict[str, Any]:
    """The problem of a job that did not succeed. One that this version does not know (a newer worker reported it) is
    shown as `job-failed`."""
    if not outcome.payload.startswith("{"):
        kind = _ENDED.get(outcome.state) or catalogue().get(outcome.payload, JobFailed)
        return {**kind().problem(prefix), "source": "relay", "retryable": False}
    error: dict[str, Any] = msgspec.json.decode(outcome.payload)
    if prefix and error["type"].startswith("/"):
        error["type"] = prefix + error["type"]
    return error


def slug_of(outcome: Outcome) -> str:
    """The slug of the problem of a job that did not succeed, or what a handler gave for its type; "" for a success."""
    if outcome.state is SUCCEEDED:
        return ""
    if outcome.payload.startswith("{"):
        error: dict[str, Any] = msgspec.json.decode(outcome.payload)
        return str(error["type"]).removeprefix("/problems/")
    return _ENDED[outcome.state].slug if outcome.state in _ENDED else outcome.payload
