"""Answers: whole responses to requests. Their form is in ``docs/http.md``."""

from __future__ import annotations

import time
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec

from relay import envelope
from relay.errors import RelayError
from relay.state import Outcome, Standing, State

METHODS = ("DELETE", "GET", "HEAD", "POST", "PUT")
_JSON = "application/json"
_PROBLEM = "application/problem+json"
#: statuses of a job's problem on which clients act by themselves (log in again, wait), or by the rule for sending
#: again: who reads only the status must not do otherwise than who reads the envelope
_KEPT_INSIDE = frozenset({401, 407, 408, 421, 425, 429, 502, 503, 504})
_RETRY_AFTER = 1  # seconds, of a job that is not done


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole response; `head` has the header lines that are this one's own, each with its line break."""

    status: int
    kind: str
    body: bytes
    head: str = ""

    def with_head(self, lines: str) -> Answer:
        """The same with more header lines."""
        return Answer(self.status, self.kind, self.body, self.head + lines) if lines else self


def render(answer: Answer, closing: bool, bodyless: bool = False) -> bytes:
    """An answer as bytes; `bodyless` for HEAD, whose answer has the length nevertheless."""
    head = (
        f"{_status_line(answer.status)}Date: {date(int(time.time()))}\r\nContent-Type: {answer.kind}\r\n{answer.head}"
        f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: {len(answer.body)}\r\n"
        f"{'Connection: close' if closing else 'Connection: keep-alive'}\r\n\r\n"
    ).encode("latin-1")
    return head if bodyless else head + answer.body


@lru_cache(maxsize=100)
def _status_line(status: int) -> str:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Problem"
    return f"HTTP/1.1 {status} {phrase}\r\n"


@lru_cache(maxsize=2)
def date(second: int) -> str:
    """A time in seconds since the epoch, in the form of HTTP (RFC 9110, 5.6.7)."""
    days, months = "Mon Tue Wed Thu Fri Sat Sun", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
    at = time.gmtime(second)
    day, month = days.split()[at.tm_wday], months.split()[at.tm_mon - 1]
    return f"{day}, {at.tm_mday:02} {month} {at.tm_year} {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT"


def outcome_status(outcome: Outcome) -> int:
    """The status of a submission that waited for this outcome."""
    if outcome.state is State.SUCCEEDED:
        return 200
    status = int(envelope.problem(outcome)["status"])
    return 500 if status in _KEPT_INSIDE else status


def outcome(outcome: Outcome, status: int, prefix: str, replayed: bool = False) -> Answer:
    """A job's outcome."""
    head = _about(outcome.id, prefix) + ("Idempotency-Replayed: true\r\n" if replayed else "")
    return Answer(status, _JSON, envelope.of_outcome(outcome, prefix), head)


def standing(standing: Standing, status: int, prefix: str, reattach: bool = False) -> Answer:
    """The state of a job that is not done."""
    head = _about(standing.id, prefix) + (f"Retry-After: {_RETRY_AFTER}\r\n" if status == 202 else "")
    return Answer(status, _JSON, envelope.of_standing(standing, reattach), head)


def problem(error: RelayError, prefix: str) -> Answer:
    """A request could not be carried out (RFC 9457)."""
    later = f"Retry-After: {error.retry_after}\r\n" if error.retry_after else ""
    body = msgspec.json.encode(error.problem(prefix))
    return Answer(error.status, _PROBLEM, body, f"Relay-Source: relay\r\n{later}")


def json(value: Any, status: int = 200) -> Answer:
    """Any other value."""
    return Answer(status, _JSON, msgspec.json.encode(value))


def preference_applied(applied: str) -> str:
    """The header line that says which preferences are met; "" where none is."""
    return f"Preference-Applied: {applied}\r\n" if applied else ""


def location(id: str, prefix: str) -> str:
    """Where a job is looked at."""
    return f"{prefix}/jobs/{id}"


def _about(id: str, prefix: str) -> str:
    return f"Relay-Job-Id: {id}\r\nLocation: {location(id, prefix)}\r\nRelay-Source: job\r\n"
