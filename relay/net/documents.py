"""Small documents that are fetched over https: whole, bounded in size and time, or not at all.

The address is the operator's own, so it may lead to a private one, and its certificate has to be one that this machine
trusts (``SSL_CERT_FILE`` names further ones).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse
from zope.interface import implementer

from relay.net.api_connection import Pool
from relay.net.private import abort_body

LARGEST = 256 << 10  # bytes of a document
SECONDS = 5.0  # for all of it, from its name to its last byte
REDIRECTS = 3
_REDIRECTING = (301, 302, 303, 307, 308)


class NotFetched(Exception):
    """A document could not be fetched; the text says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """`cache_control` is that header of its answer, "" where it has none."""

    body: bytes
    cache_control: str = ""


class Documents:
    """Fetches them, each over a connection of its own."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        pool = Pool(reactor, persistent=False)
        self._agent = _Uncompressed(Agent(reactor, connectTimeout=SECONDS, pool=pool))

    def fetch(self, url: str) -> Deferred[Document]:
        """Fails with `NotFetched` after `SECONDS` at the latest. Nothing stays open, also when it is cancelled."""
        fetching = Deferred.fromCoroutine(self._fetch(url))
        return fetching.addTimeout(SECONDS, self._reactor, _late).addErrback(_explain)

    async def _fetch(self, url: str) -> Document:
        for _ in range(REDIRECTS + 1):
            if not url.lower().startswith("https://"):
                raise NotFetched("it is redirected to an address without https")
            response = await self._get(url)
            if response.code not in _REDIRECTING:
                return await _read(response)
            _drop(response)
            url = urljoin(url, _header(response, b"location"))
        raise NotFetched(f"it is redirected more than {REDIRECTS} times")

    async def _get(self, url: str) -> Any:
        client = HTTPClient(self._agent)  # a new one, which brings no cookies along
        return await client.get(url, allow_redirects=False, unbuffered=True, reactor=self._reactor)


async def _read(response: Any) -> Document:
    if response.code != 200:
        _drop(response)
        raise NotFetched(f"the status is {response.code}")
    body = _Body()
    response.deliverBody(body)
    return Document(await body.whole, _header(response, b"cache-control"))


def _header(response: Any, name: bytes) -> str:
    values: list[bytes] = response.headers.getRawHeaders(name) or []
    return b", ".join(values).decode("latin-1")


def _drop(response: IResponse) -> None:
    """Close the connection of an answer whose body is not wanted."""
    body = _Body()
    body.whole.addErrback(lambda failure: None)
    response.deliverBody(body)
    body.whole.cancel()


def _late(_: object, seconds: float) -> Document:
    raise NotFetched(f"it did not come within {seconds:.0f} seconds")


def _explain(failure: Failure) -> Failure:
    """A `NotFetched` for whatever went wrong, with the cause that Twisted names first."""
    if failure.check(NotFetched):
        return failure
    reasons = getattr(failure.value, "reasons", None) or [failure]
    cause = reasons[0].value
    raise NotFetched(str(cause) or type(cause).__name__) from cause


class _Body(Protocol):
    """Reads a body; cancelling `whole` closes its connection."""

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda deferred: self._cut())
        self._read = bytearray()

    def dataReceived(self, data: bytes) -> None:
        if self.whole.called:
            return
        self._read += data
        if len(self._read) > LARGEST:
            self.whole.errback(NotFetched(f"it is larger than {LARGEST >> 10} KiB"))
            self._cut()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.whole.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(bytes(self._read))
        else:
            self.whole.errback(reason)

    def _cut(self) -> None:
        if not self.whole.called:
            self.whole.errback(CancelledError("the body is not wanted"))
        abort_body(self.transport)


@implementer(IAgent)
class _Uncompressed:
    """Does not ask for compressed answers, as treq would: what they become has no bound."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: Any = None
    ) -> Deferred[IResponse]:
        asked = Headers() if headers is None else headers.copy()
        asked.setRawHeaders(b"accept-encoding", [b"identity"])
        answered: Deferred[IResponse] = self._agent.request(method, uri, asked, bodyProducer)
        return answered.addCallback(_refuse_compressed)


def _refuse_compressed(response: IResponse) -> IResponse:
    """treq decompresses those of gzip, a flood in one piece."""
    if _header(response, b"content-encoding").lower() not in ("", "identity"):
        _drop(response)
        raise NotFetched("it is compressed, which was not asked for")
    return response
