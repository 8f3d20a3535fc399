"""Parts of a job's declaration: what only readers of the description need, and what others join of a job."""

from __future__ import annotations

from typing import Any

import msgspec


class JobDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker published for those who read: the docstring of the handler, the JSON Schema of its result (None
    where relay checks none), and whether its `then` takes whom to notify. Two declarations that differ only in this are
    the same for workers and jobs."""

    description: str = ""
    result: dict[str, Any] | None = None
    notifies: bool = False


class UniqueDefinition(msgspec.Struct, frozen=True):
    """What others join of a job: those with the same arguments `by` (all of them where none is named). Times are
    milliseconds: for how long they are given its success (`fresh`), and for how long it is held back (`debounce`)."""

    by: tuple[str, ...] = ()
    fresh: int = 0
    debounce: int = 0
