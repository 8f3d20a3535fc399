"""Answers that are about no job: a problem, and any other JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from relay.http.response import HttpAnswer
from relay.model.problems.base import RelayError

JSON = "application/json"
PROBLEM = "application/problem+json"


def problem(error: RelayError, prefix: str) -> HttpAnswer:
    """A request could not be carried out (RFC 9457)."""
    later = f"Retry-After: {error.retry_after}\r\n" if error.retry_after else ""
    body = msgspec.json.encode(error.problem(prefix))
    head = f"Relay-Source: relay\r\n{later}{error.head}"
    return HttpAnswer(error.status, PROBLEM, body, head, problem=error.slug)


def json(value: Any, status: int = 200) -> HttpAnswer:
    """Any other value."""
    return HttpAnswer(status, JSON, msgspec.json.encode(value))
