"""Reads what a job has put out, behind what a listener was told."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from relay.front.feeds.course import Course
from relay.front.feeds.log_reads import LogReads
from relay.front.feeds.told import ToldEvents
from relay.model.problems.base import RelayError
from relay.model.problems.request import NoSuchJob, StoreReset
from relay.model.status import JobStatus, Outcome
from relay.store.pieces import Listened
from relay.timing.backoff import Backoff

AGAIN = Backoff(0.1, limit=2.0)  # before a store that was away is asked again


class Portion(NamedTuple):
    """What is to be told next. `known`: where the job stands, or how it ended; None where it has to be read once more ·
    `outcome`: how the job ended, with the last of what it has put out."""

    told: ToldEvents
    more: bool = False
    outcome: Outcome | None = None
    known: JobStatus | Outcome | None = None


class KnowsEnd(Protocol):
    """A job whose end somebody hears of."""

    outcome: Outcome | None


class LogReading:
    """Takes a course on. `feed` knows of the end; `is_doubtful`: the store may not know what was told, because the
    listener alone says so, or because the store may have lost it."""

    __slots__ = ("_clock", "_feed", "_logs", "_owner", "course", "is_doubtful")

    def __init__(
        self,
        clock: IReactorTime,
        logs: LogReads,
        feed: KnowsEnd,
        owner: str,
        course: Course,
        is_doubtful: bool,
    ) -> None:
        self._clock = clock
        self._logs = logs
        self._feed = feed
        self._owner = owner
        self.course = course
        self.is_doubtful = is_doubtful

    async def next(self) -> Portion:
        """The next portion, as soon as the store answers."""
        failures = 0
        while True:
            ended = self._feed.outcome
            try:
                return await self.read(ended)
            except RelayError as error:
                if ended is not None and isinstance(error, NoSuchJob | StoreReset):
                    return Portion(ToldEvents([]), outcome=ended)  # nothing is kept of it any more
            failures += 1
            await deferLater(self._clock, AGAIN.pause(failures))

    async def read(self, ended: Outcome | None = None) -> Portion:
        """The next portion. `ended`: how the job ended, if that is known. Raises what `FrontStore.listen` raises."""
        (starts, number), is_doubtful = self.course.at.piece, self.is_doubtful
        again = 1 if is_doubtful and number else 0  # the last one must be there, too
        self.is_doubtful = False
        try:
            found = await self._logs.listen(self._owner, self.course.id, (starts, number - again))
        except BaseException:
            self.is_doubtful |= is_doubtful
            raise
        read = found.read
        if self._is_lost(read, is_doubtful):
            return Portion(ToldEvents(self.course.restart()), more=True)
        outcome = read.known if isinstance(read.known, Outcome) else ended
        return Portion(found.take(self.course), read.more, None if read.more else outcome, read.known)

    def _is_lost(self, read: Listened, is_doubtful: bool) -> bool:
        """Whether the store does not know what was told."""
        known, at = read.known, self.course.at
        if isinstance(known, JobStatus) and self.course.lost(known):
            return True
        if is_doubtful and at.pieces:
            return not read.gap and (not read.pieces or read.pieces[0].place != at.piece)
        return is_doubtful and isinstance(known, Outcome) and at.beyond(known)
