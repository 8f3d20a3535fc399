"""A look at a job that waits until something has changed (``Prefer: wait=N, change``): long polling. It sends nothing
before that, so its answer has a true head, which says what the client was told."""

from __future__ import annotations

from twisted.python.failure import Failure

from relay.front import answers
from relay.front.feeds.feed import Feed
from relay.front.hold.context import HoldContext
from relay.front.hold.hold import Hold
from relay.front.hold.policy import HoldPolicy
from relay.http.response import HttpAnswer
from relay.model.caller import Caller
from relay.model.position import NOTHING, EventPosition, present, written
from relay.model.status import JobStatus, Outcome
from relay.submitting.waiters import Waiter


def event_id(position: EventPosition, id: str) -> str:
    """The header line that says what the client of this job was told."""
    return f"Relay-Event-ID: {written(position, id)}\r\n"


class LastNews:
    """Remembers the last that was heard of a job."""

    def __init__(self) -> None:
        self._known: JobStatus | None = None

    def changed(self, known: JobStatus) -> None:
        self._known = known

    def hear_failure(self, failure: Failure) -> None:
        """Whoever waits hears it."""

    def newest(self, read: JobStatus | Outcome) -> JobStatus | Outcome:
        """What was read, or what was heard since."""
        if isinstance(read, Outcome) or self._known is None or present(self._known) <= present(read):
            return read
        return self._known


class ChangeHold(Hold):
    """Answers one client as soon as its job stands otherwise than `known`."""

    __slots__ = ("_at", "_feed")

    def __init__(
        self,
        context: HoldContext,
        policy: HoldPolicy,
        caller: Caller,
        known: JobStatus,
        waiter: Waiter,
        feed: Feed,
    ) -> None:
        super().__init__(context, policy, caller, known, waiter)
        self._at = present(known)
        self._feed: Feed | None = feed
        feed.enter(self)

    def changed(self, known: JobStatus) -> None:
        """Where the job stands: the answer, unless its client knows."""
        if self._exchange is not None and present(known) > self._at:
            self._at = present(known)
            self._leave()
            self._finish(answers.standing(known, 200, self._context.prefix))

    def hear_failure(self, failure: Failure) -> None:
        """The waiter fails, too."""

    def _answer(self, outcome: Outcome) -> None:
        self._at = self._at.ended
        super()._answer(outcome)

    def _finish(self, answer: HttpAnswer, end: str = "answered", late: float = -1.0) -> None:
        super()._finish(answer.with_head(event_id(self._at, self._known.id)), end, late)

    def _over(self) -> None:
        super()._over()
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.leave(self)


def told(known: JobStatus | Outcome, before: EventPosition = NOTHING) -> EventPosition:
    """What a client was told of the state that is answered with this, and was told that before."""
    return before.without_pieces().ended if isinstance(known, Outcome) else present(known)
