"""What is known of a job: where it stands while it lives, and how it ended.

Times are integers, milliseconds since the epoch by Redis' own clock; 0 means *not yet* or *none*.
"""

from __future__ import annotations

import msgspec

from relay.model.state import State


class JobStatus(msgspec.Struct, frozen=True, gc=False):
    """Where a live job stands at one moment."""

    id: str
    name: str
    state: State
    created: int
    started: int = 0
    attempts: int = 0
    position: int = 0  # in its queue, 1 is next; 0 where that means nothing
    progress: str = ""  # JSON object, or ""
    durable: bool = False
    starts: int = 0  # how often it was started; known to those who listen to the job, 0 for others


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """How a job ended; every waiter gets the same outcome."""

    id: str
    name: str
    state: State
    created: int
    started: int
    finished: int
    expires: int
    attempts: int
    payload: str  # JSON: the result of a job that succeeded, else its problem
    follows: bool = False  # whether another job gets it if nobody collects it
    durable: bool = False
    starts: int = 0  # how often it was started, 0 where that is not known


def shown_progress(said: str) -> str:
    """The JSON of a progress without what follows its message: the start of the job that it is of, and its number in
    that, by which those who listen know it."""
    own, _, _ = said.partition(',"start":')
    return said if own == said else own + "}"
