"""A listener that is behind the others: what the job has put out is read for it, as fast as its client takes it, until
it has been told as much as they were."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from relay.front.feeds.audience import Hears
from relay.front.feeds.feed import Feed
from relay.front.feeds.reading import LogReading, Portion
from relay.front.feeds.told import ToldEvents
from relay.model.position import EventPosition
from relay.model.status import JobStatus, Outcome
from relay.net.outgoing import PATIENCE
from relay.timing.backoff import Backoff

ROOM = 64 << 10  # bytes that a client has not taken, with which more is read for it
_LOOK = 0.05  # seconds between looks whether it has
#: before a log is read again that had nothing, though the others were told more
AGAIN = Backoff(0.05, limit=0.5)


class Joins(Hears, Protocol):
    """A listener that is on its way to the others."""

    def unsent(self) -> int:
        """How many bytes wait for its client to take them."""

    def has_joined(self) -> None:
        """From now on it is told what all are told."""

    def give_up(self) -> None:
        """Its client takes nothing."""


class Joining:
    """Of one listener. Call `begin`, then `run`; `stop` ends it at any time."""

    __slots__ = (
        *(
            "_clock",
            "_failure",
            "_first",
            "_is_reading",
            "_is_waiting",
            "_joins",
            "_reading",
            "_running",
            "_since",
        ),
        *("feed", "start"),
    )

    def __init__(self, clock: IReactorTime, feed: Feed, reading: LogReading) -> None:
        self._clock = clock
        #: that it joins
        self.feed = feed
        self._reading = reading
        self._first: Portion | None = None
        self._is_reading = self._is_waiting = False
        self._since = 0  # how much mail there was when it was last read for it
        self._joins: Joins | None = None
        self._running: Deferred[None] | None = None
        self._failure: Failure | None = None  # why it can't join them, which came before it ran
        #: what it had been told before, as far as the store knows that
        self.start = reading.course.at

    @property
    def at(self) -> EventPosition:
        """What it was told."""
        return self._reading.course.at if self._first is None else self.start

    async def begin(self) -> JobStatus | Outcome:
        """Read the first portion: where the job stands, or how it ended. Raises what `FrontStore.listen` raises."""
        self.feed.enter(self)
        self._read(True)
        self._since = self.feed.mail
        try:
            first = await self._reading.read(self.feed.outcome)
            while first.known is None:  # the store does not know what its client says was told
                self.start = self._reading.course.at
                again = await self._reading.read(self.feed.outcome)
                first = again._replace(told=ToldEvents([*again.told], first.told))
        except BaseException:
            self.stop()
            raise
        self._first = first
        self.feed.is_told = not isinstance(first.known, Outcome)
        return first.known

    def run(self, joins: Joins) -> None:
        """Tell it what was read, and read on; where nothing was read yet, as soon as the store answers."""
        self._joins = joins
        if self._failure is not None:
            joins.hear_failure(self._failure)
            return
        if not self._is_reading:
            self.feed.enter(self)
        self._running = ensureDeferred(self._run(joins))
        self._running.addErrback(self._failed, joins)

    async def _run(self, joins: Joins) -> None:
        portion, self._first, fruitless = self._first, None, 0
        if portion is None:
            portion = await self._next()
        while portion.outcome is None:
            joins.hear(portion.told)
            if self._joins is None:  # its client has gone meanwhile
                return
            is_level = not portion.more and joins.unsent() <= ROOM
            if is_level and self.feed.admit(joins, self._reading.course, self._since):
                joins.has_joined()
                self._leave()
                return
            before, is_all = self._reading.course.at, not portion.more
            portion = await self._next(AGAIN.pause(fruitless) if fruitless else 0.0)
            fruitless = fruitless + 1 if is_all and self._reading.course.at == before else 0
        self._leave()
        last = ToldEvents(self._reading.course.end(portion.outcome), portion.told)
        joins.hear_end(last, portion.outcome)

    async def _next(self, pause: float = 0.0) -> Portion:
        """The next portion, after some seconds and once the client has room for it."""
        assert self._joins is not None
        self._is_waiting = True
        try:
            if pause:
                self._read(False)
                await deferLater(self._clock, pause)
            if self._joins.unsent() > ROOM:
                self._read(False)
                await self._has_room(self._joins)
            self._read(True)
            self._since = self.feed.mail
            portion = await self._reading.next()
        finally:
            self._is_waiting = False
        self.feed.is_told = not isinstance(portion.known, Outcome)
        return portion

    async def _has_room(self, joins: Joins) -> None:
        """Wait until the client has taken most of what it was sent."""
        before, since = joins.unsent(), self._clock.seconds()
        while (left := joins.unsent()) > ROOM:
            if left < before:
                before, since = left, self._clock.seconds()
            elif self._clock.seconds() - since >= PATIENCE:
                joins.give_up()
            await deferLater(self._clock, _LOOK)

    def _read(self, does: bool) -> None:
        """Whether mail is kept for it."""
        if does and not self._is_reading:
            self.feed.begin_to_read()
        elif self._is_reading and not does:
            self.feed.end_to_read()
        self._is_reading = does

    def stop(self) -> None:
        """It does not join them."""
        self._leave()
        if self._running is not None and self._is_waiting:
            self._running.cancel()

    def _leave(self) -> None:
        self._joins = None
        self._read(False)
        self.feed.leave(self)

    def _failed(self, failure: Failure, joins: Joins) -> None:
        if not failure.check(CancelledError):
            joins.hear_failure(failure)

    # -- what the feed says meanwhile --

    def changed(self, known: JobStatus) -> None:
        """It is read."""

    def hear_failure(self, failure: Failure) -> None:
        """What happens to the job will never be known here."""
        self._failure = failure
        if self._joins is not None:
            self._joins.hear_failure(failure)
