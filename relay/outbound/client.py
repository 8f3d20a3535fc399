"""The client of one attempt: treq's, with retries in place, and closed with the attempt."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, Unpack

from hyperlink import EncodedURL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from relay.model.limits import Learned
from relay.model.problems.upstream import UpstreamError
from relay.net.treq_client import TreqClient
from relay.outbound.agent import JobAgent, Times
from relay.outbound.announced import retry_after
from relay.outbound.ear import Ear
from relay.outbound.host import Hosts
from relay.outbound.job import AttemptOfJob
from relay.outbound.learning import Learning, LimitedAnswer, Teachers
from relay.outbound.options import CallOptions, GivenHeaders, OptionsOfCall, Url, is_repeatable
from relay.outbound.problems import explain
from relay.outbound.redirects import Redirects
from relay.outbound.response import MAX_JSON, Response, UpstreamResponse
from relay.outbound.url import ascii_of, checked
from relay.outbound.watching import Answered, OtherCalls
from relay.telemetry.events import UNHEARD, Events
from relay.telemetry.tracing import UNTRACED, Tracing
from relay.timing.backoff import Backoff
from relay.timing.fork import fork

STALL = 30.0  # seconds without anything sent or received
MAX_BYTES = 16 << 20  # of a decoded body, unless the call says otherwise
TRIES = 3  # of a call that is safe to send again
RETRY = Backoff(0.5, jitter=0.5)  # before a further try
EXTRA = 10.0  # seconds beyond the job's time, for what has to be finished
_LAST_WORDS = (0.1, 1.0)  # part of the job's time, and at most so many seconds, left to say what went wrong
_SAFE = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")  # to be sent again: RFC 9110, 9.2.2
_AGAIN = (502, 503, 504)
_log = Logger()

Result = TypeVar("Result")
_WITH_KEY = ("POST", "PATCH")
_NOT_TREQS = ("max_bytes", "stall", "idempotent", "private", "own")
_OWN = (*_NOT_TREQS, "allow_redirects", "browser_like_redirects")  # these are not treq's here


@dataclass(frozen=True, slots=True)
class Common:
    """What the clients of all attempts of a worker share."""

    clock: IReactorTime
    agent: Callable[
        [bool, bool], IAgent
    ]  # private addresses, too? again, if a kept connection turns out closed?
    hosts: Hosts
    teachers: Teachers
    events: Events = UNHEARD
    tracing: Tracing = UNTRACED
    unfinished: set[Deferred[Any]] = field(default_factory=set)


class Http(TreqClient):
    """treq's client, with more to be said of each call:

    `max_bytes`: of the decoded body, 0 for any number · `stall`: seconds without anything sent or received ·
    `idempotent`: whether the call may be sent again when it is not known what came of the last; by its method unless
    given · `private`: the URL is the operator's own, and may lead to a private address · `own`: the URL is of the API
    that the job's `Limit` is for, and what it says of its limits counts for that · everything else as in
    `treq.request`.

    Raises `UpstreamError`. Answers come back whatever their status, after calls that may be sent again have been.
    """

    def __init__(self, shared: Common, job: AttemptOfJob) -> None:
        super().__init__(shared.agent(False, True))
        self._shared = shared
        self._clock = shared.clock
        self._job = job
        self._learning = Learning(shared.teachers, job.lane, job.hosts)
        left = job.deadline - self._clock.seconds()
        self._until = job.deadline - min(_LAST_WORDS[1], left * _LAST_WORDS[0])
        self._open: list[JobAgent] = []
        self._calls: Counter[str] = Counter()
        self._closed = False

    # treq's methods, whose answers are typed

    def request(self, method: str, url: Url, **options: Unpack[CallOptions]) -> Deferred[Response]:  # type: ignore[override]
        return Deferred.fromCoroutine(self._call(method.upper(), url, dict(options)))

    def get(  # type: ignore[override]
        self, url: Url, headers: GivenHeaders | None = None, **options: Unpack[OptionsOfCall]
    ) -> Deferred[Response]:
        return self.request("GET", url, headers=headers, **options)

    def head(self, url: Url, **options: Unpack[CallOptions]) -> Deferred[Response]:  # type: ignore[override]
        return self.request("HEAD", url, **options)

    def post(self, url: Url, **options: Unpack[CallOptions]) -> Deferred[Response]:  # type: ignore[override]
        return self.request("POST", url, **options)

    def put(self, url: Url, **options: Unpack[CallOptions]) -> Deferred[Response]:  # type: ignore[override]
        return self.request("PUT", url, **options)

    def patch(self, url: Url, **options: Unpack[CallOptions]) -> Deferred[Response]:  # type: ignore[override]
        return self.request("PATCH", url, **options)

    def delete(self, url: Url, **options: Unpack[CallOptions]) -> Deferred[Response]:  # type: ignore[override]
        return self.request("DELETE", url, **options)

    async def limited(self, url: str, pause: float = 0.0, own: bool = False) -> None:
        """An API said in words of its own that it lets nobody through, for so many seconds or for a time that it does
        not tell: the next call waits for it. `own` as in `request`."""
        asked = ascii_of(checked(url))
        answer = LimitedAnswer(asked, own or self._learning.is_own(asked), Learned(pause=pause))
        await self._learning.refused(answer, self._until)

    async def watch(self, method: str, url: str, make: Callable[[], Awaitable[Answered]]) -> Answered:
        """A call that another client makes: `make` gives its answer, which has a `status`, or raises `UpstreamError`.
        It is counted and traced under `url`, and not made while its host keeps failing (`upstream-unavailable`)."""
        others = OtherCalls(self._clock, self._shared.hosts, self._ear())
        return await others.call(method, ascii_of(checked(url)), make)

    def finish(self, work: Callable[[Http], Coroutine[Any, Any, Result]]) -> Deferred[Result]:
        """Do work that has to come to its end even if the attempt ends meanwhile, with a client that has `EXTRA`
        seconds more: what was begun elsewhere and has to be undone, say. Cancelling the Deferred does not stop the
        work."""
        client = Http(self._shared, replace(self._job, deadline=self._job.deadline + EXTRA))
        working = Deferred.fromCoroutine(work(client))
        self._shared.unfinished.add(working)

        def done(result: Result | Failure) -> Result | Failure:
            client.close()
            self._shared.unfinished.discard(working)
            return result

        waiting = fork(working.addBoth(done))
        working.addErrback(
            lambda failure: _log.failure("work that a handler left to context.http.finish failed", failure)
        )
        return waiting

    def close(self) -> None:
        """The attempt is over: nothing stays open."""
        self._closed = True
        for agent in self._open:
            agent.abort(CancelledError("the job is over"))

    # -- one call --

    async def _call(self, method: str, given: Any, options: dict[str, Any]) -> Response:
        url = checked(given)
        asked = ascii_of(url)
        safe = method in _SAFE if options.get("idempotent") is None else options["idempotent"]
        options["headers"] = self._headers(method, str(given), options.get("headers"))
        tries = 0
        while True:
            await self._learning.enter(asked, self._until)
            tries += 1
            last = tries >= (TRIES if safe and is_repeatable(options) else 1)
            sent = self._hop(options)
            try:
                response = await self._send(sent, method, url, options)
            except UpstreamError as error:
                if last or not error.retryable or not await self._pause(tries, error.pause):
                    raise
                continue
            answer = self._learning.read(response, asked, options.get("own", False))
            if response.code == 429 and is_repeatable(options):  # it was refused, so nothing came of it
                tries -= 1
                await self._learning.refused(answer, self._until)
            elif response.code in _AGAIN and not last:
                if not await self._pause(tries, retry_after(response.headers, time.time()) or 0):
                    return response
            else:
                await self._learning.answered(answer, response.code < 400)
                return response
            sent.abort(CancelledError("another answer is wanted"))

    async def _send(self, agent: JobAgent, method: str, url: EncodedURL, options: dict[str, Any]) -> Response:
        if self._closed:
            raise CancelledError("the job is over")
        treqs = {name: value for name, value in options.items() if name not in _OWN}
        reactor: Any = self._clock
        try:
            one = self.through(self._following(agent, options))
            response: Any = await one.request(method, url, reactor=reactor, allow_redirects=False, **treqs)
            answer: Response = UpstreamResponse(response, self._clock, options.get("max_bytes", MAX_JSON))
            return answer
        except Exception as error:
            raise explain(Failure(error)) from None

    def _following(self, agent: JobAgent, options: dict[str, Any]) -> IAgent:
        """An agent that follows redirects, unless the call does not want that."""
        if not options.get("allow_redirects", True):
            return agent
        return Redirects(
            self._clock,
            self.with_cookies(agent),
            lambda url: self._learning.enter(url, self._until),
            options.get("browser_like_redirects", False),
            options["headers"].hasHeader(b"cookie"),
        )

    def _hop(self, options: dict[str, Any]) -> JobAgent:
        times = Times(self._until, options.get("stall", STALL))
        limit = options.get("max_bytes", MAX_BYTES)
        under = self._shared.agent(bool(options.get("private")), options.get("idempotent") is not False)
        agent = JobAgent(self._clock, under, self._shared.hosts, times, limit, self._ear())
        self._open = [*(other for other in self._open if not other.over), agent]
        return agent

    def _ear(self) -> Ear:
        return Ear(self._shared.events, self._job.idempotency_key, self._shared.tracing)

    async def _pause(self, tries: int, wanted: float) -> bool:
        """Wait before another try; False if there is no time for it."""
        pause = max(wanted, RETRY.pause(tries))
        if self._clock.seconds() + pause >= self._until:
            return False
        await deferLater(self._clock, pause)
        return True

    # -- headers --

    def _headers(self, method: str, url: str, given: Any) -> Headers:
        headers = self.headers_of(given)
        if self._job.trace and not headers.hasHeader(b"traceparent"):
            headers.setRawHeaders(b"traceparent", [self._job.trace_of_call()])
        if method in _WITH_KEY and not headers.hasHeader(b"idempotency-key"):
            headers.setRawHeaders(b"idempotency-key", [self._key(method, url)])
        return headers

    def _key(self, method: str, url: str) -> str:
        """The same for the same call of each attempt: the n-th of this method to this URL."""
        self._calls[f"{method} {url}"] += 1
        call = f"{method} {url} {self._calls[f'{method} {url}']}"
        return f"{self._job.idempotency_key}-{hashlib.blake2b(call.encode(), digest_size=6).hexdigest()}"
