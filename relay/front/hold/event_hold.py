"""A held request that is told what happens to its job while it happens. It is committed at once."""

from __future__ import annotations

import random
import socket

import msgspec
from twisted.python.failure import Failure

from relay.front.feeds.feed import Feed
from relay.front.feeds.joining import Joining
from relay.front.feeds.told import ToldEvents
from relay.front.hold.context import HoldContext
from relay.front.hold.ending import UNENDED
from relay.front.hold.event_streams import EventStream, event_stream
from relay.front.hold.hold import Hold
from relay.front.hold.policy import HoldPolicy
from relay.front.takeover.passed import Passed
from relay.http.exchange import Exchange
from relay.model import envelope
from relay.model.caller import Caller
from relay.model.position import NOTHING, EventPosition, written
from relay.model.status import JobStatus, Outcome
from relay.net.bare import cut
from relay.net.outgoing import waiting
from relay.submitting.waiters import Waiter
from relay.telemetry.events import OPEN

MOST_UNSENT = (
    256 << 10
)  # bytes that a client has not taken, with which it is cut: it reads the rest when it comes back
#: ms, at random, after which a client comes back whose front could not, or can no longer, serve it
SOON = (1000, 4000)
_OVER = Waiter("", lambda _: None)  # stands for the waiter of a job that has ended


def soon() -> int:
    """So that those who were sent away together do not come back together."""
    return random.randint(*SOON)


class EventHold(Hold):
    """Tells one client the events of one job, from `begin` on. `joining` brings it to all who listen to the job; `head`
    has header lines of its own."""

    __slots__ = ("_feed", "_form", "_head", "_joining")

    def __init__(
        self,
        context: HoldContext,
        policy: HoldPolicy,
        caller: Caller,
        known: JobStatus,
        form: EventStream,
        joining: Joining,
        head: str = "",
    ) -> None:
        super().__init__(context, policy, caller, known, joining.feed.waiter or _OVER)  # which all share
        self._stream = self._form = form
        self._head = head
        self._feed: Feed | None = joining.feed
        self._joining: Joining | None = joining

    @classmethod
    def taken_over(cls, context: HoldContext, passed: Passed, connected: socket.socket) -> EventHold:
        id = passed.known.id
        form = event_stream(passed.stream, passed.chunked)
        joining = context.feeds.joining(passed.owner, id, EventPosition(*passed.told))
        if passed.submission is not None:
            context.waiters.keep(id, passed.submission)
        hold = cls(context, passed.policy, passed.caller, passed.known, form, joining)
        hold._take_over(passed, connected)
        joining.run(hold)
        return hold

    def begin(self, exchange: Exchange) -> None:
        context, joining = self._context, self._joining
        if self._caller.allowance.held:
            context.places.enter(self._caller)
        self._exchange, self._until = exchange, context.clock.seconds() + self._policy.wait
        if exchange.trail is not None:
            self._trail, exchange.trail = exchange.trail.kept(exchange.address), None
        assert joining is not None
        self._commit(self._form.first(written(joining.at, self._known.id)), self._head)
        if self._joining is not None:  # else it was handed over, or sent elsewhere
            joining.run(self)

    # -- what it is told --

    def hear(self, told: ToldEvents) -> None:
        """Send events. A client that does not read them is cut."""
        if self.transport is None or self._feed is None:
            return
        self._known = self._feed.course.known or self._known  # all share one
        try:
            data = told.formed(self._form)
            if data:
                self.transport.write(data)
                if self._joining is None and waiting(self.transport) > MOST_UNSENT:
                    cut(self.transport)
        except Exception:
            self._break_off(Failure())

    def hear_end(self, told: ToldEvents, outcome: Outcome) -> None:
        """Send the last events, and close."""
        if self.transport is None:
            return
        try:
            late = max(0.0, (self._context.jobs.now() - outcome.finished) / 1000)
            late = late if late <= self.held() else -1.0  # else it had ended before anybody asked
            self._close(told.formed(self._form), problem=envelope.slug_of(outcome), late=late)
            if self._closed == OPEN:
                self._context.jobs.collected(outcome)
        except Exception:
            self._break_off(Failure())

    def hear_failure(self, failure: Failure) -> None:
        self._break_off(failure)

    def unsent(self) -> int:
        return 0 if self.transport is None else waiting(self.transport)

    def has_joined(self) -> None:
        self._joining = None

    def give_up(self) -> None:
        if self.transport is not None:
            cut(self.transport)

    # -- how it ends before its job does --

    def _run_out(self, reattach: bool = False) -> None:
        if self.transport is None or self._feed is None:
            return
        self._feed.flush()
        self._leave()
        last = self._form.last(envelope.of_standing(self._known, reattach), soon() if reattach else 0)
        self._close(last, UNENDED[reattach])

    def hand_over(self, seconds: float) -> bool:
        return self._context.successor.takes_streams and super().hand_over(seconds)

    def detach(self) -> tuple[Passed, socket.socket] | None:
        if self._feed is None:
            return None
        self._feed.flush()
        id, told = self._feed.id, self._feed.course.at if self._joining is None else self._joining.at
        detached = super().detach()
        if detached is None:
            return None
        passed, connected = detached
        told = told if passed.known.id == id else NOTHING  # of another job nothing was told
        return msgspec.structs.replace(passed, stream=self._form.name, told=told), connected

    def _leave(self) -> None:
        self._see_move()
        joining, feed = self._joining, self._feed
        self._waiter = self._joining = self._feed = None
        if joining is not None:
            joining.stop()
        if feed is not None:
            feed.part(self)

    def _over(self) -> None:
        super()._over()
        self._leave()
