"""Logs are read by a few calls at a time, so that the store has time for others, too: a read of a long log takes it as
long as a hundred submissions. Those who want the same while it waits for its turn are given the same, and what they are
told by it is formed once."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred, DeferredSemaphore, ensureDeferred
from twisted.python.failure import Failure

from relay.front.feeds.course import Course
from relay.front.feeds.told import ToldEvents
from relay.model.ids import partition_of
from relay.model.position import EventPosition
from relay.model.problems.request import StoreAway
from relay.model.status import JobStatus
from relay.store.fronts import FrontStore
from relay.store.pieces import Listened, Place
from relay.timing.fork import pass_on

AT_ONCE = 8  # reads that are under way, of each partition


class LogWanted(NamedTuple):
    """What is read. See `FrontStore.listen`."""

    owner: str
    id: str
    after: Place


class LogRead:
    """What was `read`, and what those are told by it who share it."""

    def __init__(self, read: Listened) -> None:
        self.read = read
        #: by what was told before: what is told now, where that leads to, and where the job stands if that is among it
        self._told: dict[EventPosition, tuple[ToldEvents, EventPosition, JobStatus | None]] = {}

    def take(self, course: Course) -> ToldEvents:
        """Take a course on, and tell what comes by that."""
        before, found = course.at, self._told.get(course.at)
        if found is None:
            told = ToldEvents(course.portion(self.read))
            known = course.known if course.known is self.read.known else None
            self._told[before] = told, course.at, known
            return told
        told, course.at, known = found
        course.known = known or course.known
        return told


class LogReads:
    """Of one front. Whoever asks is told nothing older than what the store says after that."""

    def __init__(self, store: FrontStore) -> None:
        self._store = store
        # by partition: the reads that are under way, and who wants what is not read yet
        self._turns: dict[int, DeferredSemaphore] = {}
        self._waiting: dict[int, dict[LogWanted, list[Deferred[LogRead]]]] = {}

    async def listen(self, owner: str, id: str, after: Place) -> LogRead:
        """As `FrontStore.listen`, once it has its turn. Raises as that does; `StoreAway`, too, if the store is found to
        be away meanwhile."""
        wanted, partition = LogWanted(owner, id, after), partition_of(id)
        waiting = self._waiting.setdefault(partition, {})
        told: Deferred[LogRead] = Deferred()
        if wanted in waiting:
            waiting[wanted].append(told)
        else:
            waiting[wanted] = [told]
            turns = self._turns.setdefault(partition, DeferredSemaphore(AT_ONCE))
            turns.run(lambda: ensureDeferred(self._read(partition, wanted)))
        return await told

    async def _read(self, partition: int, wanted: LogWanted) -> None:
        waiting = self._waiting[partition]
        asking = [told for told in waiting.pop(wanted, ()) if not told.called]
        if not asking:  # they have gone, or were told that the store is away
            return
        try:
            read: LogRead | Failure = LogRead(await self._store.listen(*wanted))
        except Exception:
            read = Failure()
        if isinstance(read, Failure) and read.check(StoreAway):
            asking += [told for those in waiting.values() for told in those]
            waiting.clear()
        for told in asking:
            pass_on(read, told)
