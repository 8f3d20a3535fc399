"""The requests of a connection that wait to be served, bounded in number and in bytes."""

from __future__ import annotations

from relay.http.request import Refusal, Request

MOST = 100  # requests; more are not read until these are answered
MOST_BYTES = 256 << 10


class Backlog(list[Request | Refusal]):
    """Requests, and at their end maybe what was refused, in their order. Mostly there is one, or none."""

    __slots__ = ()

    def is_full(self) -> bool:
        """Whether no more should be read."""
        return len(self) >= MOST or sum(item.cost for item in self) > MOST_BYTES
