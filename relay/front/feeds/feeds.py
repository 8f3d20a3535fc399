"""The feeds of a front: one for each job to which somebody listens here."""

from __future__ import annotations

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from relay.front.feeds.audience import FeedContext
from relay.front.feeds.course import Course
from relay.front.feeds.feed import Feed
from relay.front.feeds.joining import Joining
from relay.front.feeds.log_reads import LogReads
from relay.front.feeds.reading import LogReading
from relay.model.ids import partition_of
from relay.model.memo import Memo
from relay.model.position import EventPosition
from relay.model.problems.base import RelayError
from relay.store.fronts import FrontStore
from relay.store.mail import MailKind, Message
from relay.store.standings import read_news, read_pieces
from relay.submitting.waiters import Waiter, Waiters, leave

#: the kinds of mail that is about what happens to jobs
OF_FEEDS = frozenset({MailKind.NEWS.value, MailKind.PIECES.value})
_MOST_REMEMBERED = 1000  # jobs
_AT_ONCE = 100  # feeds that catch up after a repair, and
_PAUSE = 0.05  # seconds until the next ones do


class Feeds:
    """Finds the feed of a job, and makes it for the first who listens."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: FrontStore, waiters: Waiters, prefix: str = "") -> None:
        self._context = FeedContext(clock, store, LogReads(store), prefix, self._drop)
        self._waiters = waiters
        self._by_job: dict[str, Feed] = {}
        self._muted: Memo[str, None] = Memo(_MOST_REMEMBERED)

    def __len__(self) -> int:
        return len(self._by_job)

    def of(self, id: str, waiter: Waiter | None = None) -> Feed:
        """The feed of a job. `waiter` hears its outcome, if there is one already; it belongs to the feed then."""
        feed = self._by_job.get(id)
        if feed is None:
            feed = self._by_job[id] = Feed(self._context, id)
            self._muted.pop(id, None)
            feed.attend(waiter or self._waiters.enter(id))
        else:
            leave(waiter)
        return feed

    def joining(self, owner: str, id: str, at: EventPosition, waiter: Waiter | None = None) -> Joining:
        """A listener of a job, which has to be this owner's, whose client says that it was told this."""
        context, feed = self._context, self.of(id, waiter)
        reading = LogReading(
            context.clock, context.logs, feed, owner, Course(id, at, context.prefix), is_doubtful=True
        )
        return Joining(context.clock, feed, reading)

    def hear(self, message: Message) -> None:
        """Mail of `OF_FEEDS`."""
        feed = self._by_job.get(message.id)
        if feed is None:
            if message.id not in self._muted:
                self._mute(message.id)
            return
        id = feed.id  # one text for all that is known of the job
        if message.kind == MailKind.NEWS:
            feed.heard(read_news(id, message.data))
        else:
            feed.heard(read_pieces(message.data))

    def repaired(self, partition: int) -> None:
        """A partition may have lost data, or mail: those who listen to its jobs are told what they missed."""
        feeds = [feed for id, feed in self._by_job.items() if partition_of(id) == partition]
        ensureDeferred(self._repair(feeds)).addErrback(
            lambda failure: self._log.failure("those who listen to jobs may miss something", failure)
        )

    async def _repair(self, feeds: list[Feed]) -> None:
        """Some at a time: others want to ask the store, too."""
        for first in range(0, len(feeds), _AT_ONCE):
            for feed in feeds[first : first + _AT_ONCE]:
                feed.catch_up(is_doubtful=True)
            await deferLater(self._context.clock, _PAUSE)

    def _drop(self, feed: Feed) -> None:
        if self._by_job.get(feed.id) is not feed:
            return
        del self._by_job[feed.id]
        waiter, feed.waiter = feed.waiter, None
        leave(waiter)
        if feed.is_told and feed.outcome is None:
            self._mute(feed.id)

    def _mute(self, id: str) -> None:
        """Have no more told about a job; should somebody listen to it again by then, it is asked for again."""
        self._muted[id] = None
        muting = ensureDeferred(self._context.store.mute(id))
        muting.addErrback(lambda failure: failure.trap(RelayError))
        muting.addCallback(lambda _: self._muted_by_mistake(id))
        muting.addErrback(
            lambda failure: self._log.failure("a job that nobody listens to is told of", failure)
        )

    def _muted_by_mistake(self, id: str) -> None:
        feed = self._by_job.get(id)
        if feed is not None:
            feed.catch_up()
