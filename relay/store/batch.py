"""Batching without a timer: an item is sent at once if no command is under way; otherwise all items that come meanwhile
are sent together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.problems.request import StoreAway, StoreReset
from relay.redis.connection import LinkLost

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Said = TypeVar("Said", contravariant=True)

#: sends items, the flag saying whether they may have been sent before; answers in the same order, an
#: exception among them standing for the failure of its item alone
Send = Callable[[list[Item], bool], Deferred[Sequence[Answer | Exception]]]


class Hearer(Protocol[Said]):
    """Whoever is told an answer once, as a Deferred is. Where it is `called` already, nobody waits for it."""

    called: bool

    def callback(self, answer: Said, /) -> None: ...

    def errback(self, error: Exception | Failure, /) -> None: ...


class Batch(Generic[Item, Answer]):
    """Sends what is added in groups, of at most `enough` items and `most_bytes`. A group goes out when no command is
    under way, or as soon as it is full, so that Redis and this process work at the same time.

    When the connection breaks under a group, or the store was reset, the same items are sent again, with a flag. If the
    Deferred of an item is cancelled, nothing waits for its answer, and an item that was not sent yet is not sent. Items
    that have no answer within `deadline` seconds fail with `StoreAway`.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        send: Send[Item, Answer],
        deadline: float,
        enough: int = 32,
        most_bytes: int = 1 << 20,
    ) -> None:
        self._clock = clock
        self._send = send
        self._deadline = deadline
        self._enough = enough
        self._most_bytes = most_bytes
        self._open: Group[Item, Answer] | None = None
        self._under_way: set[Group[Item, Answer]] = set()
        self._timer: IDelayedCall | None = None  # one for all groups

    @property
    def is_open(self) -> bool:
        """Whether an item that is added now goes out with others, or would if there were any: something is under way,
        and no more than one group."""
        return self._open is not None or len(self._under_way) == 1

    def add(self, item: Item, size: int) -> Deferred[Answer]:
        """Send an item of `size` bytes; fires with its answer."""
        answer: Deferred[Answer] = Deferred()
        self.put(item, size, answer)
        return answer

    def put(self, item: Item, size: int, answer: Hearer[Answer]) -> None:
        """The same for whoever is told the answer."""
        if self._open is not None and self._open.size + size > self._most_bytes:
            self._close(self._open)
        group = self._open
        if group is None:
            group = self._open = Group(self._clock.seconds() + self._deadline)
            if self._timer is None:
                self._timer = self._clock.callLater(self._deadline, self._look)
        group.items.append((answer, item))
        group.size += size
        if not self._under_way or len(group.items) >= self._enough:
            self._close(group)

    def _close(self, group: Group[Item, Answer]) -> None:
        """Send the open group."""
        self._open = None
        self._under_way.add(group)
        self._go(group, again=False)

    def _go(self, group: Group[Item, Answer], again: bool) -> None:
        group.items = [(answer, item) for answer, item in group.items if not answer.called]
        if group.items:
            group.sending = maybeDeferred(self._send, [item for _, item in group.items], again)
            group.sending.addCallbacks(self._answered, self._failed, (group,), {}, (group,))
        else:
            self._done(group)

    def _answered(self, answers: Sequence[Answer | Exception], group: Group[Item, Answer]) -> None:
        self._done(group)
        if len(answers) != len(group.items):  # which of them is whose can't be told
            answers = [StoreAway()] * len(group.items)
        for (deferred, _), answer in zip(group.items, answers, strict=True):
            if deferred.called:
                continue
            try:
                if isinstance(answer, Exception):
                    deferred.errback(answer)
                else:
                    deferred.callback(answer)
            except Exception:  # the others are told all the same
                self._log.failure("an answer of the store could not be told")

    def _failed(self, failure: Failure, group: Group[Item, Answer]) -> None:
        if group.late:
            self._done(group)
        elif failure.check(LinkLost, StoreReset):
            self._go(group, again=True)
        else:
            error = (
                failure.value if isinstance(failure.value, Exception) else RuntimeError(str(failure.value))
            )
            self._answered([error] * len(group.items), group)

    def _look(self) -> None:
        """A group may be late by now."""
        now, self._timer = self._clock.seconds(), None
        groups = [*self._under_way] if self._open is None else [*self._under_way, self._open]
        for group in groups:
            if group.until <= now and not group.late:
                self._late(group)
        left = [group.until - now for group in groups if not group.late]
        if left:
            self._timer = self._clock.callLater(min(left), self._look)

    def _late(self, group: Group[Item, Answer]) -> None:
        group.late = True
        if group is self._open:
            self._open = None
        if group.sending is not None:
            group.sending.cancel()
        for answer, _ in group.items:
            if not answer.called:
                answer.errback(StoreAway())

    def _done(self, group: Group[Item, Answer]) -> None:
        self._under_way.discard(group)
        if self._open is not None and not self._under_way:
            self._close(self._open)


class Group(Generic[Item, Answer]):
    """Items that are sent together."""

    __slots__ = ("items", "late", "sending", "size", "until")

    def __init__(self, until: float) -> None:
        self.until = until  # when it is late, by the clock
        self.items: list[tuple[Hearer[Answer], Item]] = []
        self.size = 0
        self.sending: Deferred[Any] | None = None
        self.late = False
