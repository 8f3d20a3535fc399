"""Follows redirects hop by hop, as Twisted's agents do, with bounds, and without leaking headers to other origins.

To another origin (scheme, host or port) goes nothing of what the handler sent but `KEPT`; cookies are those that the
cookie jar has for it. A redirect that is followed has no body to speak of: `BODY` bytes of it are read, for `PATIENCE`
seconds, so that its connection can be used again; then it is closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urljoin

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse
from zope.interface import implementer

from relay.model.problems.upstream import UpstreamError
from relay.outbound.url import checked, origin_of

HOPS = 20
BODY = 64 << 10
PATIENCE = 1.0  # seconds
_LONGEST = 8 << 10  # bytes of a location
KEPT = (b"accept", b"accept-encoding", b"accept-language", b"user-agent", b"range", b"traceparent")
_SAFE = (b"GET", b"HEAD")
_KEEPING = (301, 302, 307, 308)  # the method, and so followed for a safe one only
_KEEPING_OF_BROWSERS = (307,)
_CHANGING = (303,)  # to GET
_CHANGING_OF_BROWSERS = (301, 302, 303, 308)


@implementer(IAgent)
class Redirects:
    """Sends requests through an agent that keeps cookies; `enter` is awaited before each further hop, with its URL."""

    def __init__(
        self,
        clock: IReactorTime,
        agent: IAgent,
        enter: Callable[[bytes], Awaitable[None]],
        like_browsers: bool = False,
        has_own_cookie: bool = False,
    ) -> None:
        self._clock = clock
        self._agent = agent
        self._enter = enter
        self._keeping = _KEEPING_OF_BROWSERS if like_browsers else _KEEPING
        self._changing = _CHANGING_OF_BROWSERS if like_browsers else _CHANGING
        self._has_own_cookie = has_own_cookie

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: Any = None
    ) -> Deferred[IResponse]:
        return Deferred.fromCoroutine(self._follow(method, uri, headers or Headers(), bodyProducer))

    async def _follow(self, method: bytes, uri: bytes, headers: Headers, producer: Any) -> IResponse:
        response = await self._agent.request(method, uri, headers, producer)
        hops = 0
        while response.code in (*self._keeping, *self._changing):
            hops += 1
            target = self._target(response, method, uri, hops)
            redirect = Whole(response, await _read_some(self._clock, response))
            if response.code in self._changing and method != b"HEAD":
                method = b"GET"
            headers = self._headers(headers, uri, target)
            await self._enter(target)
            response, uri = await self._agent.request(method, target, headers, None), target
            response.setPreviousResponse(redirect)
        return response

    def _target(self, response: IResponse, method: bytes, uri: bytes, hops: int) -> bytes:
        """Where it leads; raises `UpstreamError`."""
        locations = response.headers.getRawHeaders(b"location") or [b""]
        why = ""
        if hops > HOPS:
            why = f"after {HOPS} others"
        elif response.code in self._keeping and method not in _SAFE:
            why = f"{response.code} is not followed for {method.decode('latin-1')}"
        elif not locations[0] or len(locations[0]) > _LONGEST:
            why = f"{response.code} without a location"
        if why:
            raise UpstreamError("upstream-redirects", why)
        try:
            return checked(_text(urljoin(uri, locations[0]))).to_text().encode("ascii")
        except (UpstreamError, ValueError) as error:
            raise UpstreamError("upstream-redirects", f"it does not lead to a URL: {error}") from None

    def _headers(self, headers: Headers, uri: bytes, target: bytes) -> Headers:
        if origin_of(uri) != origin_of(target):
            self._has_own_cookie = False
            return Headers(
                {name: values for name, values in headers.getAllRawHeaders() if name.lower() in KEPT}
            )
        kept = headers.copy()
        for name, _ in headers.getAllRawHeaders():
            if name.lower().startswith(b"content-"):  # of a body that is not sent again
                kept.removeHeader(name)
        if not self._has_own_cookie:  # it is of the jar, which may have another by now
            kept.removeHeader(b"cookie")
        return kept


def _text(url: bytes) -> str:
    try:
        return url.decode("utf-8")
    except UnicodeDecodeError:
        return url.decode("latin-1")


async def _read_some(clock: IReactorTime, response: IResponse) -> bytes:
    """The first bytes of a body that nobody wants; never fails."""
    reader = _Some()
    if response.length == 0:
        return b""
    response.deliverBody(reader)
    try:
        await reader.over.addTimeout(PATIENCE, clock)
    except TimeoutError:
        reader.cut()
    return bytes(reader.read)


class _Some(Protocol):
    def __init__(self) -> None:
        self.read = bytearray()
        self.over: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.read += data[: BODY - len(self.read)]
        if len(self.read) >= BODY:
            self.cut()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.over.called:
            self.over.callback(None)

    def cut(self) -> None:
        self.transport.loseConnection()  # type: ignore[union-attr]


class Whole(proxyForInterface(IResponse)):  # type: ignore[misc]
    """A response whose body was read already."""

    def __init__(self, original: IResponse, body: bytes) -> None:
        super().__init__(original)
        self._body = body

    def deliverBody(self, protocol: Any) -> None:
        if self._body:
            protocol.dataReceived(self._body)
        protocol.connectionLost(Failure(ResponseDone()))
