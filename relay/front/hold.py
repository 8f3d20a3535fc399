"""A held request, in its three phases.

==  =========  =======================================================================================
A   grace      nothing is sent yet: what ends here gets a whole response with its true status
B   committed  200 and a first heartbeat are out; heartbeats follow, and one envelope ends the body
C   over       answered, or the client went away
==  =========  =======================================================================================

In phase A the client's connection stays in place and sends the answer. To commit, the hold takes over the transport, so
that in phase B a waiting client costs its transport, this object, and a Deferred.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay import envelope
from relay.direct import send
from relay.errors import RelayError
from relay.front import answers, wire
from relay.front.answers import Answer
from relay.front.desk import Desk
from relay.front.doors import Doors
from relay.front.outgoing import Parting
from relay.front.parked import Parked, can_be_parked, park
from relay.front.successor import Successor
from relay.front.takeover import Passed
from relay.front.terms import Terms
from relay.front.waiting import WaitingRoom
from relay.front.wheel import Wheel
from relay.state import Outcome, Standing

if TYPE_CHECKING:
    from relay.front.connection import Connection

PROBE = 1.0  # seconds between two heartbeats that find out whether a client still reads
LONGEST_DOUBT = 10.0  # seconds that a client is waited for that may have gone
_log = Logger()


@dataclass(frozen=True, slots=True)
class House:
    """What all holds of a front share."""

    clock: IReactorTime
    wheel: Wheel
    desk: Desk
    parting: Parting
    doors: Doors
    prefix: str
    room: WaitingRoom
    successor: Successor


class Hold:
    """Waits for one job on behalf of one client, from `begin` on."""

    __slots__ = (
        "_address",
        "_chunked",
        "_connection",
        "_doubtful",
        "_gone",
        "_house",
        "_known",
        "_owner",
        "_terms",
        "_until",
        "_waiter",
        "slot",
        "transport",
    )

    def __init__(
        self, house: House, terms: Terms, owner: str, known: Standing, waiter: Deferred[Outcome]
    ) -> None:
        self._house = house
        self._terms = terms
        self._owner = owner
        self._known = known
        self._waiter: Deferred[Outcome] | None = waiter
        self._connection: Connection | None = None
        self.transport: ITCPTransport | None = None
        self._gone: Deferred[None] | None = None
        self._address = ""  # of the client, once its connection was taken over
        self._doubtful = False  # whether the client is there
        self.slot = -1

    @classmethod
    def taken_over(cls, house: House, passed: Passed, connected: socket.socket) -> Hold:
        """A committed hold that another front handed over."""
        waiter = house.room.wait(passed.known.id)
        if passed.submission is not None:
            house.room.pledge(passed.known.id, passed.submission)
        hold = cls(house, passed.terms, passed.owner, passed.known, waiter)
        hold._chunked, hold._address, hold._until = passed.chunked, passed.address, passed.until
        house.doors.admit(passed.address)
        parked: Any = Parked(house.clock, connected, hold)
        parked.write(passed.unsent)
        hold.transport = parked
        hold._rest(passed.due - house.clock.seconds())
        waiter.addBoth(hold._ended)
        return hold

    # -- phase A --

    def begin(self, connection: Connection) -> None:
        """Begin to hold the request that a connection serves."""
        self._connection = connection
        self._chunked = connection.chunked
        self._until = self._house.clock.seconds() + self._terms.wait
        self._rest(self._terms.commit)
        assert self._waiter is not None
        self._waiter.addBoth(self._ended)

    def on_time(self) -> None:
        """The wheel's call: the end of the wait, the commit, or a heartbeat is due."""
        if self._house.clock.seconds() >= self._until:
            self._run_out()
        elif self.transport is None:
            self._commit()
        else:
            self._beat(self._terms.heartbeat)

    def _beat(self, pause: float) -> None:
        send(self.transport, wire.CHUNKED_BEAT if self._chunked else wire.BEAT)
        self._rest(pause)

    def _rest(self, seconds: float) -> None:
        self._house.wheel.put(self, max(0.0, min(seconds, self._until - self._house.clock.seconds())))

    # -- phase B --

    def _commit(self) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        self._address = connection.address
        self.transport = park(connection.take_over(self), self)
        headers = [
            ("Date", answers.date(int(time.time()))),
            ("Relay-Job-Id", self._known.id),
            ("Location", answers.location(self._known.id, self._house.prefix)),
        ]
        if self._terms.applied:
            headers.append(("Preference-Applied", self._terms.applied))
        send(self.transport, wire.head(headers, self._chunked))
        self._rest(self._terms.heartbeat)
        if self._house.successor.takes and not self.hand_over(0):
            self.reattach()

    def hand_over(self, seconds: float) -> bool:
        """Hand the client to the successor of this front: now, or when the hold commits, which must be within so many
        seconds. False if that is impossible."""
        if self._connection is not None:
            due = self._house.wheel.due(self)
            in_time = due < self._until and due <= self._house.clock.seconds() + seconds
            return in_time and can_be_parked(self._connection.transport)
        if not isinstance(self.transport, Parked):
            return False
        self._house.successor.give(self)
        return True

    def detach(self) -> tuple[Passed, socket.socket] | None:
        """Let go of the client, which belongs to another front from now on. None if the client was answered or has
        gone."""
        parked, house = self.transport, self._house
        detached = parked.detach() if isinstance(parked, Parked) and self._waiter is not None else None
        if detached is None:
            return None
        connected, unsent = detached
        passed = Passed(
            known=self._known,
            owner=self._owner,
            terms=self._terms,
            chunked=self._chunked,
            address=self._address,
            until=self._until,
            due=house.wheel.due(self),
            unsent=unsent,
            submission=house.room.pledged(self._known.id),
        )
        house.doors.leave(self._address)
        self._leave()
        self._over()
        return passed, connected

    def dataReceived(self, data: bytes) -> None:
        """Ignore what a client sends after its request: the connection closes with the answer."""

    def half_closed(self) -> None:
        """The client has closed its side: some clients do so after their request, others have gone. A client that has
        gone answers a heartbeat with a reset, which the next heartbeat meets. A hold without a heartbeat soon can't
        find out, and ends. It stays unknown whether such a client collects its answer."""
        self._doubtful = True
        if not self._terms.heartbeat and self._until - self._house.clock.seconds() > LONGEST_DOUBT:
            (self.transport or self._connection).abortConnection()  # type: ignore[union-attr]
        elif self.transport is not None and self._terms.heartbeat:
            self._house.wheel.drop(self)
            self._beat(PROBE)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The client went away. The job goes on, unless it is to be cancelled with this client."""
        if self._address:
            self._house.doors.leave(self._address)
        waited = self._waiter is not None
        self._leave()
        self._over()
        self._house.parting.discard(self)
        if waited and self._terms.cancel:
            self._house.desk.abandon(self._known.id)
        if self._gone is not None:
            self._gone.callback(None)

    # -- the end --

    def _ended(self, result: Outcome | Failure) -> None:
        """The job has ended, or the outcome will never be known here."""
        try:
            if isinstance(result, Failure):
                self._refuse(result)
            else:
                self._answer(result)
        except Exception:
            self._break_off(Failure())

    def _answer(self, outcome: Outcome) -> None:
        if self._connection is not None:
            status = answers.outcome_status(outcome) if self._terms.true_status else 200
            self._finish(answers.outcome(outcome, status, self._house.prefix))
        elif self.transport is not None:
            self._close(envelope.of_outcome(outcome, self._house.prefix))
        else:
            return
        if not self._doubtful:
            self._house.desk.collected(outcome)

    def _refuse(self, failure: Failure) -> None:
        if failure.check(CancelledError):  # by ourselves
            return
        error = failure.value
        if self._connection is None or not isinstance(error, RelayError):
            failure.raiseException()
        self._finish(answers.problem(error, self._house.prefix))

    def _run_out(self, reattach: bool = False) -> None:
        """The wait is over before the job is: say where it stands, and how to go on."""
        self._leave()
        looking = Deferred.fromCoroutine(self._house.desk.look(self._owner, self._known.id))
        looking.addErrback(self._as_known).addCallback(self._incomplete, reattach)
        looking.addErrback(self._break_off)

    def reattach(self) -> Deferred[None]:
        """This process stops: tell the client to reattach. Fires when a committed client has gone."""
        gone = self._gone = None if self.transport is None else Deferred()
        self._house.wheel.drop(self)
        self._run_out(reattach=True)
        return gone or succeed(None)

    def _as_known(self, failure: Failure) -> Standing:
        failure.trap(RelayError)
        return self._known

    def _incomplete(self, known: Standing | Outcome, reattach: bool) -> None:
        if isinstance(known, Outcome):
            self._answer(known)
            return
        if self._connection is not None:
            reattach = reattach or self._house.desk.draining
            self._finish(answers.standing(known, 202, self._house.prefix, reattach))
        elif self.transport is not None:
            self._close(envelope.of_standing(known, reattach))

    def _finish(self, answer: Answer) -> None:
        connection = self._connection
        self._over()
        assert connection is not None
        connection.answer(answer.with_head(answers.preference_applied(self._terms.applied)))

    def _close(self, body: bytes) -> None:
        transport = self.transport
        self._over()
        assert transport is not None
        send(transport, wire.tail(body, self._chunked))
        self._house.parting.add(self, transport)
        transport.loseConnection()

    def _break_off(self, failure: Failure) -> None:
        """relay failed: an answer cut short says *unknown, ask again*, anything else would be a lie."""
        if not failure.check(RelayError):
            _log.failure("a held request could not be answered", failure)
        broken = self.transport or self._connection
        self._over()
        if broken is not None:
            broken.abortConnection()

    def _leave(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.cancel()

    def _over(self) -> None:
        self._house.wheel.drop(self)
        self._connection = self.transport = self._waiter = None
