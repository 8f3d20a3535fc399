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


#: by these names, because a member costs six times as much to look up in its class
IDLE, READING, SERVING, LAST, CLOSING, DETACHED = Life
#: from each state those that can be next
TRANSITIONS: dict[Life, frozenset[Life]] = {
    IDLE: frozenset({READING, SERVING, LAST, CLOSING, DETACHED}),
    READING: frozenset({SERVING, LAST, CLOSING, DETACHED}),
    # answered, with or without the beginning of the next request
    SERVING: frozenset({IDLE, READING, LAST, CLOSING, DETACHED}),
    LAST: frozenset({LAST, CLOSING, DETACHED}),
    CLOSING: frozenset({CLOSING, DETACHED}),
    DETACHED: frozenset(),
}
#: a request is being served
BUSY = frozenset({SERVING, LAST})
