"""The life of a connection, as a table: where it can stand, and where it can go from there."""

from __future__ import annotations

from enum import IntEnum


class Life(IntEnum):
    """Where a connection stands. What comes behind a request that is being served is read meanwhile, as far as there
    is room for it, and changes nothing."""

    IDLE = 0  # nothing has come of a next request
    READING = 1  # a request has begun to come
    SERVING = 2  # a request is being answered
    LAST = 3  # the same, and the connection ends with the answer
    CLOSING = 4  # the last answer is on its way out, and nothing more is read
    DETACHED = 5  # lost, or spoken on by another protocol: a held request, a lingering close


#: from each state those that can be next
TRANSITIONS: dict[Life, frozenset[Life]] = {
    Life.IDLE: frozenset({Life.READING, Life.SERVING, Life.LAST, Life.CLOSING, Life.DETACHED}),
    Life.READING: frozenset({Life.SERVING, Life.LAST, Life.CLOSING, Life.DETACHED}),
    # answered, with or without the beginning of the next request
    Life.SERVING: frozenset({Life.IDLE, Life.READING, Life.LAST, Life.CLOSING, Life.DETACHED}),
    Life.LAST: frozenset({Life.LAST, Life.CLOSING, Life.DETACHED}),
    Life.CLOSING: frozenset({Life.CLOSING, Life.DETACHED}),
    Life.DETACHED: frozenset(),
}
#: a request is being served
BUSY = frozenset({Life.SERVING, Life.LAST})
