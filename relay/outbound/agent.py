"""One hop of one call: a place at its host, timeouts out of the job's time, an answer that is let go of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from relay.model.problems.upstream import UpstreamError
from relay.outbound.body import Body
from relay.outbound.ear import DEAF, Ear
from relay.outbound.host import FAILING, Host, Hosts
from relay.outbound.problems import explain
from relay.timing.timers import stop_timer


@dataclass(frozen=True, slots=True)
class Times:
    """When a call is given up."""

    until: float  # by the clock
    stall: float  # seconds without anything sent or received


@implementer(IAgent)
class JobAgent:
    """Sends the requests of one call: the first, and those that it is redirected to."""

    def __init__(
        self,
        clock: IReactorTime,
        agent: IAgent,
        hosts: Hosts,
        times: Times,
        limit: int,
        ear: Ear = DEAF,
    ) -> None:
        self._ear = ear
        self._clock = clock
        self._agent = agent
        self._hosts = hosts
        self._times = times
        self._limit = limit
        self._exchanges: list[Call] = []
        self._waiting: Deferred[Any] | None = None  # for a place
        self._ended: Exception | None = None

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: Any = None
    ) -> Deferred[IResponse]:
        return Deferred.fromCoroutine(self._request(method, uri, headers, bodyProducer))

    @property
    def over(self) -> bool:
        """Whether nothing of it is open."""
        return bool(self._exchanges) and all(exchange.over_with for exchange in self._exchanges)

    def abort(self, error: Exception) -> None:
        """End what is open, and begin nothing more."""
        self._ended = error
        if self._waiting is not None:
            self._waiting.cancel()
        for exchange in self._exchanges:
            exchange.abort(error)

    async def _request(self, method: bytes, uri: bytes, headers: Headers | None, producer: Any) -> Any:
        parsed = URI.fromBytes(uri)
        host = self._hosts.of(parsed.scheme, parsed.host, parsed.port)
        await self._place(host)
        began = self._clock.seconds()
        exchange = Call(self._clock, host, self._times, self._limit, began)
        self._exchanges.append(exchange)
        heard, status, error = self._ear.begin(parsed.host, method, uri, headers, began), 0, ""
        try:
            answer = await exchange.run(self._agent, method, uri, heard.headers, producer)
            status = answer.code
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            heard.end(self._clock.seconds(), status, error)
        return answer

    async def _place(self, host: Host) -> None:
        """Take a place at a host, in time."""
        if self._ended is not None:
            raise self._ended
        self._waiting = waiting = host.places.acquire()
        late = self._clock.callLater(max(0.0, self._times.until - self._clock.seconds()), waiting.cancel)
        try:
            await waiting
        except CancelledError:
            if not late.active() and self._ended is None:
                raise UpstreamError("upstream-timeout", "too many calls at once", phase="place") from None
            raise
        finally:
            self._waiting = None
            stop_timer(late)


class Call:
    """One request and its answer, watched until the body is over."""

    def __init__(self, clock: IReactorTime, host: Host, times: Times, limit: int, began: float) -> None:
        self.began = began
        self._clock = clock
        self._host = host
        self._times = times
        self._limit = limit
        self._phase = "send"
        self._timer: IDelayedCall | None = None
        self._sending: Deferred[Any] | None = None
        self._body: Body | None = None
        self._why: Exception | None = None  # we ended it ourselves
        self._admitted = False
        self.over_with = False

    @property
    def answered(self) -> bool:
        """Whether the head of the answer is here."""
        return self._phase == "body"

    async def run(self, agent: IAgent, method: bytes, uri: bytes, headers: Any, producer: Any) -> Body:
        """Send the request; its answer, once it has a head."""
        self._host.calls.add(self)
        try:
            self._host.breaker.admit(self._clock.seconds())
            self._admitted = True
            self.begin()
            self._phase = "headers" if producer is None else "send"
            watched = WatchedProducer(producer, self) if producer is not None else None
            self._sending = agent.request(method, uri, headers, watched)
            response = await self._sending
        except Exception as caught:
            error = self._why or explain(Failure(caught))
            self.over(error)
            raise error from None
        self._sending = None
        if response.code in FAILING:
            self._host.breaker.failed(self._clock.seconds())
            self._admitted = False
        self._phase = "body"
        self._body = Body(self._clock, response, self._limit, self)
        return self._body

    def abort(self, error: Exception) -> None:
        """End it now, whatever its phase; the connection is closed."""
        self._why = self._why or error
        if self._sending is not None:
            self._sending.cancel()
        elif self._body is not None:
            self._body.abort(error)

    # -- the watch --

    def begin(self) -> None:
        """Something moved, and the next thing is waited for."""
        left = min(self._times.stall, max(0.0, self._times.until - self._clock.seconds()))
        if self._timer is not None and self._timer.active():
            self._timer.reset(left)
        else:
            self._timer = self._clock.callLater(left, self._give_up)

    def sent(self) -> None:
        """The request is out: the answer is waited for."""
        self._phase = "headers"
        self.begin()

    def rest(self) -> None:
        """Nobody waits for the API, but the job's time goes on."""
        if self._timer is not None and self._timer.active():
            self._timer.reset(max(0.0, self._times.until - self._clock.seconds()))

    def over(self, error: Exception | None) -> None:
        """Nothing more will come."""
        if self.over_with:
            return
        self.over_with = True
        stop_timer(self._timer)
        self._host.calls.discard(self)
        self._host.places.release()
        if self._admitted:
            self._host.breaker.ended(error, self._clock.seconds())

    def _give_up(self) -> None:
        self.abort(UpstreamError("upstream-timeout", _WAITED[self._phase], phase=self._phase))


_WAITED = {
    "send": "the request could not be sent in time",
    "headers": "no answer in time",
    "body": "the answer stopped, or took too long",
}


@implementer(IBodyProducer)
class WatchedProducer:
    """A request's body on its way out; tells the watch of each piece, and of the end."""

    def __init__(self, original: IBodyProducer, exchange: Call) -> None:
        self._original = original
        self._exchange = exchange
        self._consumer: Any = None
        self._is_stopped = False
        self.length = original.length

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self._consumer = consumer
        done: Deferred[None] = self._original.startProducing(self)
        return done.addCallback(self._done)

    def _done(self, result: None) -> None:
        self._exchange.sent()

    def write(self, data: bytes) -> None:
        self._exchange.begin()
        self._consumer.write(data)

    def pauseProducing(self) -> None:
        self._original.pauseProducing()

    def resumeProducing(self) -> None:
        self._exchange.begin()
        self._original.resumeProducing()

    def stopProducing(self) -> None:
        """Twisted's transport and its request say so both, and treq's multipart bodies bear it once."""
        if not self._is_stopped:
            self._is_stopped = True
            self._original.stopProducing()
