"""Which jobs the words of a command line mean."""

from __future__ import annotations

from argparse import Namespace

from relay.commands.operator_arguments import moment_of
from relay.operations.seen import JobFilter

_FIELDS = ("state", "name", "queue", "owner", "id", "key", "problem")


def wanted(asked: Namespace, now: int, state: str = "") -> JobFilter:
    """The jobs that options name; `now` is Redis' time (ms)."""
    given = {
        field: value for field in _FIELDS if isinstance(value := getattr(asked, field, ""), str) and value
    }
    if state:
        given["state"] = state
    return JobFilter(
        **given,
        after=moment_of(getattr(asked, "since", None), now),
        before=moment_of(getattr(asked, "until", None), now),
    )
