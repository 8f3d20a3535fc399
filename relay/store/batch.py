"""Batching without a timer: one command under way at a time; what is asked meanwhile rides on the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from relay.errors import StoreReset
from relay.store.link import LinkLost

Item = TypeVar("Item")
Answer = TypeVar("Answer")

#: sends items, the flag saying whether they may have been sent before; answers in the same order, an
#: exception among them standing for the failure of its item alone
Send = Callable[[list[Item], bool], Deferred[Sequence[Answer | Exception]]]


class Batch(Generic[Item, Answer]):
    """Sends what is added, at most `most` items and `most_bytes` at once.

    When the connection breaks under a command, or the store was reset, the same items are sent again, flagged so;
    whoever cancels the Deferred of an item is not waited for, and an item that was not sent by then never is.
    """

    def __init__(self, send: Send[Item, Answer], most: int = 500, most_bytes: int = 1 << 20) -> None:
        self._send = send
        self._most = most
        self._most_bytes = most_bytes
        self._waiting: dict[Deferred[Answer], tuple[Item, int]] = {}
        self._under_way: dict[Deferred[Answer], tuple[Item, int]] = {}

    def add(self, item: Item, size: int) -> Deferred[Answer]:
        """Send an item of `size` bytes; fires with its answer."""
        answer: Deferred[Answer] = Deferred(self._forget)
        self._waiting[answer] = (item, size)
        if not self._under_way:
            self._next()
        return answer

    def _forget(self, answer: Deferred[Answer]) -> None:
        self._waiting.pop(answer, None)

    def _next(self) -> None:
        size = 0
        for answer, (item, item_size) in list(self._waiting.items()):
            size += item_size
            if self._under_way and (size > self._most_bytes or len(self._under_way) >= self._most):
                break
            self._under_way[answer] = (item, item_size)
            del self._waiting[answer]
        self._go(again=False)

    def _go(self, again: bool) -> None:
        items = [item for item, _ in self._under_way.values()]
        if items:
            self._send(items, again).addCallbacks(self._answered, self._failed)

    def _answered(self, answers: Sequence[Answer | Exception]) -> None:
        asked, self._under_way = list(self._under_way), {}
        if self._waiting:
            self._next()
        for deferred, answer in zip(asked, answers, strict=True):
            if deferred.called:
                continue
            if isinstance(answer, Exception):
                deferred.errback(answer)
            else:
                deferred.callback(answer)

    def _failed(self, failure: Failure) -> None:
        if failure.check(LinkLost, StoreReset):
            self._under_way = {d: item for d, item in self._under_way.items() if not d.called}
            self._go(again=True)
            if not self._under_way and self._waiting:
                self._next()
            return
        error = failure.value if isinstance(failure.value, Exception) else RuntimeError(str(failure.value))
        self._answered([error] * len(self._under_way))
