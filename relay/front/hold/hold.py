"""A held request, in its three phases.

==  =========  =======================================================================================
A   grace      nothing is sent yet: what ends here gets a whole response with its true status
B   committed  200 and a first heartbeat are out; heartbeats follow, and one envelope ends the body
C   over       answered, or the client went away
==  =========  =======================================================================================

In phase A the client's connection stays in place and sends the answer. To commit, the hold takes over the transport, so
that in phase B a waiting client costs its transport, this object, and a `Waiter`.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from twisted.python.failure import Failure

from relay.front import answers
from relay.front.hold.context import HoldContext
from relay.front.hold.ending import Ending
from relay.front.hold.json_stream import in_json
from relay.front.takeover.passed import Passed
from relay.http.exchange import Exchange
from relay.http.response import date
from relay.net.bare import bare, cut, is_bare
from relay.net.client_socket import ClientSocket
from relay.telemetry.events import OPEN

PROBE = 1.0  # seconds between two heartbeats that find out whether a client still reads
LONGEST_DOUBT = 10.0  # seconds to wait for a client that may have gone


class Hold(Ending):
    """Waits for one job on behalf of one client, from `begin` on."""

    __slots__ = ()

    @classmethod
    def taken_over(cls, context: HoldContext, passed: Passed, connected: socket.socket) -> Hold:
        """A committed hold that another front handed over."""
        waiter = context.waiters.enter(passed.known.id)
        if passed.submission is not None:
            context.waiters.keep(passed.known.id, passed.submission)
        hold = cls(context, passed.policy, passed.caller, passed.known, waiter)
        hold._stream = in_json(passed.chunked)
        hold._take_over(passed, connected)
        waiter.hear(hold._ended)
        return hold

    def _take_over(self, passed: Passed, connected: socket.socket) -> None:
        """Go on with a client of another front, which is committed."""
        context = self._context
        if passed.held:
            context.places.enter(passed.caller)
        self._address, self._until = passed.address, passed.until
        self._trail = passed.trail if context.events.wants_asked else None
        context.doors.admit(passed.address)
        client: Any = ClientSocket(context.clock, connected, self)
        client.write(passed.unsent)
        self.transport = client
        self._rest(passed.due - context.clock.seconds())

    # -- phase A --

    def begin(self, exchange: Exchange) -> None:
        """Begin to hold the request."""
        context, policy = self._context, self._policy
        if self._caller.allowance.held:
            context.places.enter(self._caller)
        self._exchange, self._until = exchange, context.clock.seconds() + policy.wait
        if exchange.trail is not None:
            self._trail, exchange.trail = exchange.trail.kept(exchange.address), None
        context.wheel.put(self, policy.commit if policy.commit < policy.wait else policy.wait)
        assert self._waiter is not None
        self._waiter.hear(self._ended)

    def on_time(self) -> None:
        """The wheel's call: the end of the wait, the commit, or a heartbeat is due."""
        if self._context.clock.seconds() >= self._until:
            self._run_out()
        elif self._exchange is not None:
            self._stream = in_json(self._exchange.chunked)
            self._commit()
        else:
            self._beat(self._policy.heartbeat)

    def _beat(self, pause: float) -> None:
        self.transport.write(self._stream.beat)  # type: ignore[union-attr]
        self._context.events.beat()
        self._rest(pause)

    def _rest(self, seconds: float) -> None:
        self._context.wheel.put(self, max(0.0, min(seconds, self._until - self._context.clock.seconds())))

    # -- phase B --

    def _commit(self, first: bytes = b"", more: str = "") -> None:
        """Send the head, with more header lines, and this behind it."""
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        self._address = exchange.address
        self.transport = bare(exchange.take_over(self), self)
        lines = (
            f"Date: {date(int(time.time()))}\r\nRelay-Job-Id: {self._known.id}\r\n"
            f"Location: {answers.location(self._known.id, self._context.prefix)}\r\n"
            f"{answers.preference_applied(self._policy.applied)}{more}{exchange.answer_head}"
        )
        self.transport.write(self._stream.head(lines) + first)
        self._context.events.committed(self._known.id, self.held())
        self._rest(self._policy.heartbeat)
        if self._context.successor.takes and not self.hand_over(0):
            self.reattach()

    def hand_over(self, seconds: float) -> bool:
        """Hand the client to the successor of this front: now, or when the hold commits, which must be within so many
        seconds. False if that is impossible."""
        if self._exchange is not None:
            due = self._context.wheel.due(self)
            in_time = due < self._until and due <= self._context.clock.seconds() + seconds
            return in_time and is_bare(self._exchange.transport)
        if not isinstance(self.transport, ClientSocket):
            return False
        self._context.successor.give(self)
        return True

    def detach(self) -> tuple[Passed, socket.socket] | None:
        """Let go of the client, which belongs to another front from now on. None if the client was answered or has
        gone."""
        client, context = self.transport, self._context
        given = client.give_away() if isinstance(client, ClientSocket) and self._waiter is not None else None
        if given is None:
            return None
        connected, unsent = given
        self._see_move()
        passed = Passed(
            known=self._known,
            owner=self._caller.owner,
            name=self._caller.name,
            held=self._caller.allowance.held,
            policy=self._policy,
            chunked=self._stream.chunked,
            address=self._address,
            until=self._until,
            due=context.wheel.due(self),
            unsent=unsent,
            submission=context.waiters.resubmission(self._known.id),
            trail=self._trail,
        )
        self._end(200, "passed")
        context.doors.leave(self._address)
        self._leave()
        self._over()
        return passed, connected

    def half_closed(self) -> None:
        """The client has closed its side: some clients do so after their request, others have gone. A client that has
        gone answers a heartbeat with a reset, which the next heartbeat meets. A hold without a heartbeat soon can't
        find out, and ends. It stays unknown whether such a client collects its answer."""
        if self._closed == OPEN:
            self._closed = self.held()
        if not self._policy.heartbeat and self._until - self._context.clock.seconds() > LONGEST_DOUBT:
            cut(self.transport or self._exchange)
        elif self.transport is not None and self._policy.heartbeat:
            self._context.wheel.drop(self)
            self._beat(PROBE)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The client went away. The job goes on, unless it is to be cancelled with this client."""
        if self._address:
            self._context.doors.leave(self._address)
        waited = self._waiter is not None
        if self._exchange is not None or self.transport is not None:  # else it was answered
            self._closed = self.held() if self._closed == OPEN else self._closed
            self._end(200 if self._exchange is None else 0, "abandoned")
        self._leave()
        self._over()
        self._context.parting.discard(self)
        if waited and self._policy.cancel:
            self._context.jobs.abandon(self._known.id)
        if self._gone is not None:
            self._gone.callback(None)
