"""The listeners of one job.

Those who have been told all that there is share a course, and are told what comes by the mail of the store. Whoever is
behind reads for itself (`relay.front.feeds.joining`). While somebody reads, mail is kept, so that nothing is missed
between what was read and what comes.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, ensureDeferred
from twisted.python.failure import Failure

from relay.front.feeds.audience import Audience, FeedContext, Hears, Watches
from relay.front.feeds.course import Course
from relay.front.feeds.crowd import Crowd, with_one, without
from relay.front.feeds.reading import LogReading
from relay.front.feeds.told import JobEvent, ToldEvents
from relay.model.caller import ANYONE
from relay.model.problems.base import RelayError
from relay.model.status import JobStatus, Outcome
from relay.store.pieces import Piece
from relay.submitting.waiters import Waiter

MOST_MAIL = 1000  # messages that are kept while somebody reads
BEYOND = (1 << 52, 0)  # no piece comes after this
Mail = JobStatus | list[Piece]


class Feed(Audience):
    """Of the job `id`."""

    __slots__ = (
        *("_catching", "_dropped", "_mail", "_readers", "_watches"),
        *("course", "id", "is_told", "outcome", "waiter"),
    )

    def __init__(self, context: FeedContext, id: str) -> None:
        super().__init__(context)
        self.id = id
        #: what those share who are told by mail
        self.course = Course(id, prefix=context.prefix)
        #: how the job ended, once that is known
        self.outcome: Outcome | None = None
        #: hears that; None where it has
        self.waiter: Waiter | None = None
        #: whether the store tells this process about the job
        self.is_told = False
        self._watches: Crowd[Watches] = ()
        self._readers = 0  # how many read just now
        self._mail: list[Mail] | tuple[()] = ()  # since the first of them has begun
        self._dropped = 0  # messages that came before these
        self._catching: LogReading | None = None  # reads what those are to be told who share the course

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of job {self.id}, heard by {len(self._hears)}>"

    # -- who listens --

    def enter(self, watches: Watches) -> None:
        """Tell somebody where the job stands. Call `leave` when that is over."""
        self._watches = with_one(self._watches, watches)

    def leave(self, watches: Watches) -> None:
        """Tell this one no more."""
        self._watches = without(self._watches, watches)
        self._left()

    def admit(self, hears: Hears, course: Course, since: int) -> bool:
        """Tell somebody from now on who was told this course, and has just read all that there was, having asked for it
        when there was mail until `since`. False if there may be more to read by now. Call `part` when that is over."""
        if self.outcome is not None or self._catching is not None or since < self._dropped:
            return False
        self.flush()
        if not self._hears:
            self.course = course
            self._let_in(hears)
            self._replay(since)
            return True
        events = self._missed(course, since)
        if course.at.piece > self.course.at.piece:
            self.catch_up()
        if course.at.piece == self.course.at.piece:
            self._level(course, events)
            self._let_in(hears)
        hears.hear(ToldEvents(events))
        return course.at.piece == self.course.at.piece

    def _missed(self, course: Course, since: int) -> list[JobEvent]:
        """What others were told by mail since this course was read."""
        events: list[JobEvent] = []
        for mail in self._mail[since - self._dropped :]:
            if isinstance(mail, JobStatus):
                events += course.news(mail)
            elif mail and not course.lacks(mail[0]):
                events += course.pieces(mail)
        return events

    def _level(self, course: Course, events: list[JobEvent]) -> None:
        """Two courses that have told the same pieces are to tell the same of the state, which may be newer in one."""
        if course.known is not None:
            self._tell(self.course.news(course.known))
            self.flush()
        if self.course.known is not None:
            events += course.news(self.course.known)

    def part(self, hears: Hears) -> None:
        """Tell this one no more; it was told what `course` says."""
        self.flush()
        self._let_out(hears)
        self._left()

    def _left(self) -> None:
        if not self._hears and not self._watches:
            self._context.drop(self)

    # -- what comes --

    def heard(self, mail: Mail) -> None:
        """By mail: where the job stands, or what it has put out in one start, without a hole; nothing where it
        has to be read, because this process was told too much before."""
        if self._readers:
            self._keep(mail)
        if isinstance(mail, JobStatus):
            self._have_changed(mail)
        if not mail:
            self.catch_up()
        elif self._hears and self._catching is None:
            self._apply(mail)

    def _have_changed(self, known: JobStatus) -> None:
        for each in tuple(self._watches):
            each.changed(known)

    def _keep(self, mail: Mail) -> None:
        if not isinstance(self._mail, list):
            self._mail = []
        elif len(self._mail) >= MOST_MAIL:
            self._dropped += len(self._mail)
            self._mail.clear()
        self._mail.append(mail)

    def _apply(self, mail: Mail) -> None:
        if isinstance(mail, JobStatus):
            self._tell(self.course.news(mail))
        elif not mail or self.course.lacks(mail[0]):
            self.catch_up()
        else:
            self._tell(self.course.pieces(mail))

    def _replay(self, since: int) -> None:
        """What came while somebody read."""
        for mail in tuple(self._mail[since - self._dropped :]):
            if self._hears and self._catching is None:
                self._apply(mail)

    def begin_to_read(self) -> None:
        """Somebody reads the log: mail is kept until `end_to_read`."""
        self._readers += 1

    def end_to_read(self) -> None:
        """That one has read it."""
        self._readers -= 1
        if not self._readers:
            self._mail, self._dropped = (), 0

    @property
    def mail(self) -> int:
        """How much came since somebody reads."""
        return self._dropped + len(self._mail)

    # -- what is read for those who share the course --

    def catch_up(self, is_doubtful: bool = False) -> None:
        """Read what there is behind the course; `is_doubtful`: the store may have lost what was told."""
        if self._catching is not None:
            self._catching.is_doubtful |= is_doubtful
        elif self._hears:
            where = self._context.clock, self._context.logs
            self._catching = LogReading(*where, self, ANYONE, self.course, is_doubtful)
            ensureDeferred(self._catch_up(self._catching)).addErrback(self.fail)
        elif self._watches and self.outcome is None:
            looking = ensureDeferred(self.look(ANYONE)).addCallback(self._looked)
            looking.addErrback(lambda failure: failure.trap(RelayError))

    async def _catch_up(self, reading: LogReading) -> None:
        self.begin_to_read()
        since, goes_on = 0, True
        while self._hears and goes_on:
            since = self.mail
            portion = await reading.next()
            self._tell([*portion.told])
            if isinstance(portion.known, JobStatus):
                self._have_changed(portion.known)
            if portion.outcome is not None:
                self._tell_end(self.course.end(portion.outcome), portion.outcome)
            goes_on = portion.more or reading.is_doubtful or self.outcome is not None or since < self._dropped
        self._catching = None
        self._replay(since)
        self.end_to_read()

    async def look(self, owner: str) -> JobStatus | Outcome:
        """Where the job stands, which has to be this owner's; what it goes on to do is heard. Raises what
        `FrontStore.listen` raises."""
        known = (await self._context.store.listen(owner, self.id, BEYOND)).known
        self.is_told = isinstance(known, JobStatus)
        return known

    def _looked(self, known: JobStatus | Outcome) -> None:
        if isinstance(known, JobStatus):
            self.heard(known)

    # -- the end --

    def attend(self, waiter: Waiter) -> None:
        """Hear of the end by this."""
        self.waiter = waiter
        waiter.hear(self._ended)

    def _ended(self, result: Outcome | Failure) -> None:
        """What is left of the log is told before the end is."""
        self.waiter = None
        if isinstance(result, Failure):
            self.fail(result)
        else:
            self.outcome = result
            self.catch_up()

    def fail(self, failure: Failure) -> None:
        """What happens to the job will never be known here."""
        if not failure.check(CancelledError):  # by ourselves
            for each in (*self._hears, *self._watches):
                each.hear_failure(failure)
            self._context.drop(self)
