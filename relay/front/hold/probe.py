"""A probe: a request that is held as those of jobs are, by a plan instead of a job.

``relay doctor`` sends probes through whatever stands between clients and relay. The bytes of a probe's answer come
from the stream that real answers come from, on a transport that was taken over in the same way, so what happens to it
happens to them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.interfaces import ITCPTransport
from twisted.python.failure import Failure

from relay.front import answers
from relay.front.hold.context import HoldContext
from relay.front.hold.json_stream import in_json
from relay.front.hold.stream import Stream
from relay.http.exchange import Exchange
from relay.http.response import HttpAnswer, date
from relay.model.caller import Caller
from relay.net.bare import bare, cut, end_writing
from relay.net.socket_owner import SocketOwner
from relay.telemetry.trail import Trail

NAME = "-probe"  # in place of a job's id: neither a job nor an id can be called so
_LOOK = 1.0  # seconds at most between looks whether the front still takes requests


class ProbePlan(msgspec.Struct, frozen=True):
    """How a probe is answered: after so many `seconds`. It is silent for `grace` seconds, then it is committed and
    sends a heartbeat each `every` seconds, 0 for none but the first. `cut`: its connection is cut, unanswered."""

    seconds: float = 0.0
    grace: float = 0.0
    every: float = 0.0
    cut: bool = False


def about(prefix: str) -> str:
    """The header lines that an answer to a probe has in common with that to a job."""
    return (
        f"Relay-Job-Id: {NAME}\r\nLocation: {answers.location(NAME, prefix)}\r\n"
        "Relay-Source: job\r\nRetry-After: 1\r\n"
    )


class ProbeHold(SocketOwner):
    """One probe, which counts among the held requests. `told` makes the body of its answer."""

    __slots__ = (
        *("_address", "_beat_at", "_caller", "_context", "_exchange", "_plan", "_stream", "_told", "_until"),
        "_trail",
        *("slot", "transport"),
    )

    def __init__(
        self, context: HoldContext, plan: ProbePlan, caller: Caller, told: Callable[[], bytes]
    ) -> None:
        self._context = context
        self._plan = plan
        self._caller: Caller | None = caller
        self._told = told
        self._exchange: Exchange | None = None
        self._stream: Stream = in_json(chunked=False)
        self._address = ""  # of the client, once its connection was taken over
        self._until = self._beat_at = 0.0  # by the clock: when it ends, when it is next sent something
        self._trail: Trail | None = None
        self.transport: ITCPTransport | None = None
        self.slot = -1

    def begin(self, exchange: Exchange) -> None:
        """Begin to hold the request."""
        self._trail = exchange.trail
        if self._plan.cut:
            self._tell(0)
            exchange.abortConnection()
            return
        if not self._plan.seconds:
            self._tell(200)
            exchange.respond(self._answer())
            return
        assert self._caller is not None
        if self._caller.allowance.held:
            self._context.places.enter(self._caller)
        self._exchange, self._stream = exchange, in_json(exchange.chunked)
        now = self._context.clock.seconds()
        self._until, self._beat_at = now + self._plan.seconds, now + self._plan.grace
        self._rest()

    def on_time(self) -> None:
        """The wheel's call: the end, the commit or a heartbeat is due, or nothing yet."""
        now = self._context.clock.seconds()
        if now >= self._until or self._context.jobs.draining:
            self._end()
            return
        if now >= self._beat_at:
            self._send()
            self._beat_at = self._beat_at + self._plan.every if self._plan.every else self._until
        self._rest()

    def _rest(self) -> None:
        due = min(self._until, self._beat_at) - self._context.clock.seconds()
        self._context.wheel.put(self, max(0.0, min(due, _LOOK)))

    def _send(self) -> None:
        if self.transport is None:
            self._commit()
        else:
            self.transport.write(self._stream.beat)

    def _commit(self) -> None:
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        self._address = exchange.address
        self.transport = bare(exchange.take_over(self), self)
        lines = f"Date: {date(int(time.time()))}\r\n{about(self._context.prefix)}{exchange.answer_head}"
        self.transport.write(self._stream.head(lines))

    def _end(self) -> None:
        exchange, transport, answer = self._exchange, self.transport, self._answer()
        self._tell(200)
        self._over()
        if exchange is not None:
            exchange.respond(answer)
        elif transport is not None:
            transport.write(self._stream.end(answer.body))
            self._context.parting.add(self, transport)
            end_writing(transport)

    def _answer(self) -> HttpAnswer:
        return HttpAnswer(200, "application/json", self._told(), about(self._context.prefix))

    def _tell(self, status: int, end: str = "answered") -> None:
        """Whoever wants to hears how it ends; one that is cut has what it asked for."""
        context, trail = self._context, self._trail
        context.events.request_ended(status, end)
        if trail is not None:
            self._trail = None
            trail.end(context.events, context.clock.seconds(), status, end=end)

    def _over(self) -> None:
        self._context.wheel.drop(self)
        if self._caller is not None and self._caller.allowance.held:
            self._context.places.leave(self._caller)
        self._caller = self._exchange = self.transport = None

    def half_closed(self) -> None:
        """Whoever asks with a probe waits for all of it: this client has gone."""
        left: Any = self.transport or self._exchange
        if left is not None:
            cut(left)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The client has gone."""
        if self._address:
            self._context.doors.leave(self._address)
        if self._exchange is not None or self.transport is not None:  # else it was answered
            self._tell(200 if self._exchange is None else 0, "abandoned")
        self._over()
        self._context.parting.discard(self)
