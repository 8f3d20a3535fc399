"""The end of a held request: the outcome, an error, or where the job stands and how to go on."""

from __future__ import annotations

from abc import abstractmethod

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.front import answers
from relay.front.caller import NOBODY
from relay.front.hold.context import HoldContext
from relay.front.hold.json_stream import PLAIN
from relay.front.hold.policy import HoldPolicy
from relay.front.hold.stream import Stream
from relay.http.exchange import Exchange
from relay.http.response import HttpAnswer
from relay.model import envelope
from relay.model.caller import Caller
from relay.model.problems.base import RelayError
from relay.model.state import SUCCEEDED
from relay.model.status import JobStatus, Outcome
from relay.net.bare import cut, end_writing
from relay.net.socket_owner import SocketOwner
from relay.submitting.waiters import Waiter
from relay.telemetry.events import OPEN, Asked
from relay.telemetry.trail import Kept

_log = Logger()
#: how a request ends whose job has not, by whether its client is told to come back at once
UNENDED = {False: "incomplete", True: "reattach"}


class Ending(SocketOwner):
    """What a hold knows, and how it tells its client the end."""

    __slots__ = (
        "_address",
        "_caller",
        "_closed",
        "_context",
        "_exchange",
        "_gone",
        "_known",
        "_policy",
        "_stream",
        "_trail",
        "_until",
        "_waiter",
        *("slot", "transport"),
    )

    def __init__(
        self,
        context: HoldContext,
        policy: HoldPolicy,
        caller: Caller,
        known: JobStatus,
        waiter: Waiter,
    ) -> None:
        self._context = context
        self._policy = policy
        self._caller = caller
        self._known = known
        self._waiter: Waiter | None = waiter
        self._exchange: Exchange | None = None
        self.transport: ITCPTransport | None = None
        self._gone: Deferred[None] | None = None
        self._address = ""  # of the client, once its connection was taken over
        self._closed = OPEN  # how long it was held when its client closed its side: it may have gone
        self._stream: Stream = PLAIN
        self._trail: Kept | None = None
        self._until = 0.0
        self.slot = -1

    def __repr__(self) -> str:
        address = self._address if self._exchange is None else self._exchange.address
        phase = "over" if self.transport is None else "committed"
        if self._exchange is not None:
            phase = "in grace"
        return f"<{type(self).__name__} of job {self._known.id} for {address or 'nobody yet'}, {phase}>"

    @abstractmethod
    def on_time(self) -> None:
        """The wheel says that it is time."""

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
        since = self._context.jobs.now() - outcome.finished
        late = since / 1000 if since > 0 else 0.0
        if self._exchange is not None:
            failed = outcome.state is not SUCCEEDED
            status = answers.outcome_status(outcome) if failed and self._policy.true_status else 200
            self._finish(answers.outcome(outcome, status, self._context.prefix), late=late)
        elif self.transport is not None:
            body = envelope.of_outcome(outcome, self._context.prefix)
            self._close(body, problem=envelope.slug_of(outcome), late=late)
        else:
            return
        if self._closed == OPEN:
            self._context.jobs.collected(outcome)

    def _refuse(self, failure: Failure) -> None:
        error = failure.value
        if self._exchange is None or not isinstance(error, RelayError):
            failure.raiseException()
        self._finish(answers.problem(error, self._context.prefix))

    def _run_out(self, reattach: bool = False) -> None:
        """The wait is over before the job is: say where it stands, and how to go on."""
        self._leave()
        looking = Deferred.fromCoroutine(self._context.jobs.look(self._caller.owner, self._known.id))
        looking.addErrback(self._as_known).addCallback(self._incomplete, reattach)
        looking.addErrback(self._break_off)

    def reattach(self) -> Deferred[None]:
        """This process stops: tell the client to reattach. Fires when a committed client has gone."""
        gone = self._gone = None if self.transport is None else Deferred()
        self._context.wheel.drop(self)
        self._run_out(reattach=True)
        return gone or succeed(None)

    def _as_known(self, failure: Failure) -> JobStatus:
        failure.trap(RelayError)
        return self._known

    def _incomplete(self, known: JobStatus | Outcome, reattach: bool) -> None:
        if isinstance(known, Outcome):
            self._answer(known)
            return
        if self._exchange is not None:
            reattach = reattach or self._context.jobs.draining
            self._finish(answers.standing(known, 202, self._context.prefix, reattach), UNENDED[reattach])
        elif self.transport is not None:
            self._close(envelope.of_standing(known, reattach), UNENDED[reattach])

    def _finish(self, answer: HttpAnswer, end: str = "answered", late: float = -1.0) -> None:
        exchange = self._exchange
        self._context.events.request_ended(answer.status, end, late)
        if self._trail is not None:
            self._tell(self._trail, answer.status, end, answer.problem, len(answer.body), late)
        self._over()
        assert exchange is not None
        if self._policy.applied:
            answer = answer.with_head(answers.preference_applied(self._policy.applied))
        exchange.respond(answer)

    def _close(self, body: bytes, end: str = "answered", problem: str = "", late: float = -1.0) -> None:
        transport = self.transport
        self._context.events.request_ended(200, end, late)
        if self._trail is not None:
            self._tell(self._trail, 200, end, problem, len(body), late)
        self._over()
        assert transport is not None
        transport.write(self._stream.end(body))
        self._context.parting.add(self, transport)
        end_writing(transport)

    def _break_off(self, failure: Failure) -> None:
        """relay failed: an answer cut short says *unknown, ask again*, anything else would be a lie."""
        if not failure.check(RelayError):
            _log.failure("a held request could not be answered", failure)
        broken = self.transport or self._exchange
        if broken is not None:
            self._end(200 if self._exchange is None else 0, "cut")
        self._over()
        if broken is not None:
            cut(broken)

    def _end(self, status: int, end: str) -> None:
        """It ends without an answer. Call it before `_over`."""
        self._context.events.request_ended(status, end)
        if end == "abandoned":
            self._context.events.abandoned(self._closed)
        if self._trail is not None:
            self._tell(self._trail, status, end)

    def _tell(
        self, trail: Kept, status: int, end: str, problem: str = "", sent: int = 0, late: float = 0.0
    ) -> None:
        """Somebody wants to hear how it ends; heartbeats are reckoned, not counted. Call it before `_over`."""
        self._trail = None
        known, policy, exchange = self._known, self._policy, self._exchange
        seconds = self._context.clock.seconds() - self._until + policy.wait
        if exchange is not None:
            address, silent, beats = exchange.address, seconds, 0
        else:
            address, silent = self._address, policy.commit
            beats = 1 + int((seconds - silent) / policy.heartbeat) if policy.heartbeat else 1
        method, path, *more = trail
        address, trace, key = more or (address, "", "")
        self._context.events.asked(
            Asked(
                method,
                path,
                status,
                seconds,
                known.id,
                known.name,
                self._caller.owner,
                address,
                trace,
                held=seconds,
                committed=exchange is None,
                beats=beats,
                end=end,
                problem=problem,
                silent=silent,
                late=late if late > 0.0 else 0.0,
                sent=sent,
                key=key,
                closed=self._closed,
            )
        )

    def held(self) -> float:
        """For how many seconds it has been held."""
        return self._context.clock.seconds() - self._until + self._policy.wait

    def _leave(self) -> None:
        self._see_move()
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.cancel()

    def _see_move(self) -> None:
        """Its job may be another by now: after Redis forgot the first one, its key stood for that."""
        waiter = self._waiter
        if waiter is not None and waiter.id and waiter.id != self._known.id:
            self._known = msgspec.structs.replace(self._known, id=waiter.id)

    def _over(self) -> None:
        """It holds nobody any more. May be called again."""
        self._context.wheel.drop(self)
        if self._caller.allowance.held:
            self._context.places.leave(self._caller)
        self._caller = NOBODY
        self._exchange = self.transport = self._waiter = None
