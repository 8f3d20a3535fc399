"""The pipelined requests of a connection that wait to be served, bounded in number and in bytes."""

from __future__ import annotations

from collections import deque

from relay.http.request import Refusal, Request

MOST = 100  # requests; more are not read until these are answered
MOST_BYTES = 256 << 10


class Backlog(deque[Request | Refusal]):
    """Requests, and at their end maybe what was refused, in their order."""

    __slots__ = ("_cost",)

    def __init__(self) -> None:
        super().__init__()
        self._cost = 0

    @property
    def is_full(self) -> bool:
        return len(self) >= MOST or self._cost > MOST_BYTES

    def add(self, item: Request | Refusal) -> None:
        self.append(item)
        self._cost += item.cost

    def next(self) -> Request | Refusal:
        item = self.popleft()
        self._cost -= item.cost
        return item

    def clear(self) -> None:
        super().clear()
        self._cost = 0
