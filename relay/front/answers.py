"""Answers: whole responses to requests. Their form is in ``docs/http.md``."""

from __future__ import annotations

from relay.http.response import HttpAnswer
from relay.model import envelope
from relay.model.state import SUCCEEDED
from relay.model.status import JobStatus, Outcome
from relay.serving.plain_answers import JSON
from relay.serving.plain_answers import json as json
from relay.serving.plain_answers import problem as problem

#: statuses of a job's problem on which clients act by themselves (log in again, wait), or by the rule for sending
#: again: who reads only the status must not do otherwise than who reads the envelope
KEPT_INSIDE = frozenset({401, 407, 408, 421, 425, 429, 502, 503, 504})
_RETRY_AFTER = 1  # seconds, of a job that is not done


def outcome_status(outcome: Outcome) -> int:
    """The status of a submission that waited for this outcome."""
    if outcome.state is SUCCEEDED:
        return 200
    status = int(envelope.problem(outcome)["status"])
    return 500 if status in KEPT_INSIDE else status


def outcome(outcome: Outcome, status: int, prefix: str, replayed: bool = False) -> HttpAnswer:
    """A job's outcome."""
    head = about(outcome.id, prefix)
    if replayed:
        head += idempotency_replayed(replayed)
    slug = "" if outcome.state is SUCCEEDED else envelope.slug_of(outcome)
    return HttpAnswer(
        status, JSON, envelope.of_outcome(outcome, prefix), head, outcome.id, outcome.name, slug
    )


def standing(standing: JobStatus, status: int, prefix: str, reattach: bool = False) -> HttpAnswer:
    """The state of a job that is not done."""
    head = about(standing.id, prefix) + (f"Retry-After: {_RETRY_AFTER}\r\n" if status == 202 else "")
    body = envelope.of_standing(standing, reattach)
    return HttpAnswer(status, JSON, body, head, standing.id, standing.name)


def preference_applied(applied: str) -> str:
    """The header line that says which preferences are met; "" where none is."""
    return f"Preference-Applied: {applied}\r\n" if applied else ""


def idempotency_replayed(is_replayed: bool) -> str:
    """The header line that says that an outcome is one of an earlier submission; "" where it is not."""
    return "Idempotency-Replayed: true\r\n" if is_replayed else ""


def location(id: str, prefix: str) -> str:
    """Where a job is looked at."""
    return f"{prefix}/jobs/{id}"


def about(id: str, prefix: str) -> str:
    """The header lines that answers about a job have in common."""
    return f"Relay-Job-Id: {id}\r\nLocation: {prefix}/jobs/{id}\r\nRelay-Source: job\r\n"
