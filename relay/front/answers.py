"""Envelopes and problems as whole responses, with their status, headers and Content-Length."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.web.server import Request

from relay import envelope
from relay.errors import RelayError
from relay.state import Outcome, Standing, State

_JSON = "application/json"
_PROBLEM = "application/problem+json"
#: statuses of a job's problem on which clients would act by themselves: log in again, send again, wait
_KEPT_INSIDE = frozenset({401, 407, 408, 421, 425, 429, 503})
_RETRY_AFTER = 1  # seconds, of a job that is not done


def outcome_status(outcome: Outcome) -> int:
    """The status of a submission that waited for this outcome."""
    if outcome.state is State.SUCCEEDED:
        return 200
    status = int(envelope.problem(outcome)["status"])
    return 500 if status in _KEPT_INSIDE else status


def outcome(request: Request, outcome: Outcome, status: int, prefix: str, replayed: bool = False) -> bytes:
    """The response with a job's outcome."""
    if replayed:
        request.setHeader("Idempotency-Replayed", "true")
    _describe(request, outcome.id, prefix)
    return _whole(request, status, _JSON, envelope.of_outcome(outcome, prefix))


def standing(request: Request, standing: Standing, status: int, prefix: str, reattach: bool = False) -> bytes:
    """The response with the state of a job that is not done."""
    _describe(request, standing.id, prefix)
    if status == 202:
        request.setHeader("Retry-After", str(_RETRY_AFTER))
    return _whole(request, status, _JSON, envelope.of_standing(standing, reattach))


def problem(request: Request, error: RelayError, prefix: str) -> bytes:
    """The response to a request that could not be carried out (RFC 9457)."""
    request.setHeader("Relay-Source", "relay")
    if error.retry_after:
        request.setHeader("Retry-After", str(error.retry_after))
    return _whole(request, error.status, _PROBLEM, problem_body(error, prefix))


def problem_body(error: RelayError, prefix: str) -> bytes:
    return msgspec.json.encode(error.problem(prefix))


def json(request: Request, value: Any, status: int = 200) -> bytes:
    """Any other value."""
    return _whole(request, status, _JSON, msgspec.json.encode(value))


def location(id: str, prefix: str) -> str:
    """Where a job is looked at."""
    return f"{prefix}/jobs/{id}"


def _describe(request: Request, id: str, prefix: str) -> None:
    request.setHeader("Relay-Job-Id", id)
    request.setHeader("Location", location(id, prefix))
    request.setHeader("Relay-Source", "job")


def _whole(request: Request, status: int, kind: str, body: bytes) -> bytes:
    request.setResponseCode(status)
    request.setHeader("Content-Type", kind)
    request.setHeader("Cache-Control", "no-store")
    request.setHeader("X-Content-Type-Options", "nosniff")
    request.setHeader("Content-Length", str(len(body)))
    return body
