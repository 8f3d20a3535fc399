"""The problem of a job that failed, as its outcome keeps it: JSON of a bounded size, whatever its handler raised."""

from __future__ import annotations

from typing import Any

from relay.model.problems.base import JobError, RelayError, text_of
from relay.model.problems.job import ResultNotJson
from relay.model.text import encodable
from relay.worker.result import encode

LIMIT = 16 << 10  # bytes of a problem
LONGEST_DETAIL = 2000  # characters of its detail where it is larger than that
LONGEST_TITLE = 200
LONGEST_SLUG = 100
_NAMED = 20  # members that were left out and are named
_KEPT = ("type", "title", "status", "detail", "retryable", "source")


def problem(error: RelayError, again: bool) -> str:
    """The problem as JSON of at most `LIMIT` bytes. An exception among its members is shown as its text. Members that
    can't be written, or make it too large, are left out, and named in `omitted`; so is "detail" when it was cut."""
    members = {"retryable": again, **error.problem(), "source": "job"}
    omitted: list[str] = []
    try:
        written = encode(members)
    except ResultNotJson:
        members, omitted = _writable(members)
        written = encode(_named(members, omitted))
    return (written if len(written) <= LIMIT else encode(_cut(members, omitted))).decode()


def slug_of(error: RelayError) -> str:
    """The slug of a problem, or the URI that a handler gave it for a type."""
    return (error.type if isinstance(error, JobError) else error.slug)[:LONGEST_SLUG]


def _writable(members: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    kept: dict[str, Any] = {}
    omitted: list[str] = []
    for name, value in members.items():
        value = text_of(value) if isinstance(value, BaseException) else value
        value = encodable(value) if isinstance(value, str) else value
        try:
            encode({name: value})
        except ResultNotJson:
            omitted.append(name)
        else:
            kept[name] = value
    return kept, omitted


def _cut(members: dict[str, Any], omitted: list[str]) -> dict[str, Any]:
    kept = {name: members[name] for name in _KEPT if name in members}
    omitted = [*omitted, *(name for name in members if name not in _KEPT)]
    if len(kept.get("detail", "")) > LONGEST_DETAIL:
        kept["detail"] = kept["detail"][:LONGEST_DETAIL] + "…"
        omitted.append("detail")
    kept["title"] = kept["title"][:LONGEST_TITLE]
    return _named(kept, omitted)


def _named(kept: dict[str, Any], omitted: list[str]) -> dict[str, Any]:
    return {**kept, "omitted": [encodable(name)[:64] for name in omitted[:_NAMED]]} if omitted else kept
