"""Where relay's client ends and the stubs begin: below its retries, redirects, limits and timeouts."""

from __future__ import annotations

from asyncio import ensure_future
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import isawaitable
from socket import gaierror
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Cooperator, deferLater
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseNeverReceived
from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IClientRequest, IResponse
from zope.interface import implementer

from relay.net.private import cooperating
from relay.outbound import AttemptOfJob, Http, Limiter, Upstreams
from relay.testing.answers import Answer, ApiRequest, Stubs, answer_of

#: what is a mistake of the test's where a stub raises it, and not something that happens to a call
_MISTAKES = (AssertionError, TypeError, ValueError, LookupError, AttributeError, NameError, ArithmeticError)


class StubbedUpstreams(Upstreams):
    """Makes clients whose calls are answered by stubs. `calls` has each request, `broken` is told what a stub raises
    that is a mistake of the test's."""

    def __init__(
        self,
        clock: Any,
        limiter: Limiter,
        stubs: Stubs,
        broken: Callable[[BaseException], None],
        per_host: int,
    ) -> None:
        super().__init__(clock, limiter, True, per_host)
        self.calls: list[ApiRequest] = []
        self._stubs = stubs
        self._broken = broken
        self._timer = clock

    def client(self, job: AttemptOfJob) -> Http:
        agent = StubbedAgent(self._timer, job.idempotency_key, self._answer)
        return Http(replace(self._shared, agent=lambda private, again: agent), job)

    async def _answer(self, request: ApiRequest) -> Answer | BaseException:
        self.calls.append(request)
        try:
            given = self._stubs.answer(request)
            return answer_of(await _deferred(given) if isawaitable(given) else given)
        except _MISTAKES as error:
            self._broken(error)
            return TimeoutError()  # nothing comes any more
        except Exception as error:
            return error


@implementer(IAgent)
class StubbedAgent:
    """Answers the requests of one attempt."""

    def __init__(self, clock: IReactorTime, job: str, answer: Callable[[ApiRequest], Any]) -> None:
        self._clock = clock
        self._job = job
        self._answer = answer
        self._cooperator = Cooperator(scheduler=lambda go_on: clock.callLater(0, go_on))

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: Any = None
    ) -> Deferred[IResponse]:
        return ensureDeferred(self._request(method, uri, headers or Headers(), bodyProducer))

    async def _request(self, method: bytes, uri: bytes, headers: Headers, producer: Any) -> Any:
        sent = _Sent()
        if producer is not None:
            with cooperating(self._cooperator):
                sending = producer.startProducing(sent)
            await sending
        asked = ApiRequest(method.decode(), uri.decode(), _said(headers), bytes(sent.body), self._job)
        answer = await self._answer(asked)
        if isinstance(answer, TimeoutError):
            await Deferred()  # until the client gives up
        if isinstance(answer, BaseException):
            raise _as_of_network(answer)
        if answer.delay:
            await deferLater(self._clock, answer.delay)
        return StubbedResponse(self._clock, answer, AskedFor(method, headers, uri))


def _deferred(given: Any) -> Deferred[Any]:
    """What a stub gives to be awaited."""
    return given if isinstance(given, Deferred) else Deferred.fromFuture(ensure_future(given))


def _said(headers: Headers) -> dict[str, str]:
    lines = headers.getAllRawHeaders()
    return {name.decode().lower(): b", ".join(values).decode("latin-1") for name, values in lines}


def _as_of_network(error: BaseException) -> BaseException:
    """As Twisted's client raises it."""
    if isinstance(error, ConnectionResetError | BrokenPipeError | EOFError):
        return ResponseNeverReceived([Failure(error)])
    if isinstance(error, gaierror):
        return DNSLookupError(str(error))
    return ConnectError(str(error)) if isinstance(error, ConnectionError) else error


class _Sent:
    """Takes the body of a request."""

    def __init__(self) -> None:
        self.body = bytearray()

    def write(self, data: bytes) -> None:
        self.body += data


@implementer(IClientRequest)
@dataclass(frozen=True)
class AskedFor:
    """The request of a response."""

    method: bytes
    headers: Headers
    absoluteURI: bytes


@implementer(IResponse)
class StubbedResponse:
    """An answer, to its reader also the transport of its body."""

    version = (b"HTTP", 1, 1)
    previousResponse: Any = None

    def __init__(self, clock: IReactorTime, answer: Answer, request: AskedFor) -> None:
        self.request = request
        self._clock = clock
        self._pieces = answer.content()
        self._pause = answer.pause
        self._protocol: Any = None
        self._flows = True
        self._timer: Any = None
        self.code = answer.status
        self.phrase = RESPONSES.get(answer.status, b"")
        self.headers = Headers({name: [value] for name, value in answer.head().items()})
        self.length: Any = UNKNOWN_LENGTH if answer.pieces else sum(map(len, self._pieces))

    def setPreviousResponse(self, response: Any) -> None:
        self.previousResponse = response

    def deliverBody(self, protocol: Any) -> None:
        self._protocol = protocol
        protocol.makeConnection(self)
        self._go_on()

    def _go_on(self) -> None:
        self._timer = None
        while self._flows and self._protocol is not None:
            if not self._pieces:
                self._end(ResponseDone())
                return
            piece = self._pieces.pop(0)
            self._protocol.dataReceived(piece)
            if self._pause and self._pieces and self._timer is None:
                self._timer = self._clock.callLater(self._pause, self._go_on)
                return

    def _end(self, reason: Exception) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(reason))

    def pauseProducing(self) -> None:
        self._flows = False

    def resumeProducing(self) -> None:
        self._flows = True
        if self._timer is None and self._protocol is not None:
            self._timer = self._clock.callLater(0, self._go_on)

    def loseConnection(self) -> None:
        self._end(CancelledError())

    stopProducing = abortConnection = loseConnection
