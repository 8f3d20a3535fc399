"""Answers that are read whole, bounded in size, or not at all: of servers that are an operator's own."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse
from zope.interface import implementer

from relay.net.private import abort_body


class NotFetched(Exception):
    """An answer could not be had; the text says why."""


async def whole_body(response: Any, largest: int) -> bytes:
    """The body of an answer; fails with `NotFetched` where it is larger."""
    body = _Body(largest)
    response.deliverBody(body)
    return await body.whole


def header(response: Any, name: bytes) -> str:
    """The values of a header, "" where there is none."""
    values: list[bytes] = response.headers.getRawHeaders(name) or []
    return b", ".join(values).decode("latin-1")


def drop(response: IResponse) -> None:
    """Close the connection of an answer whose body is not wanted."""
    body = _Body(0)
    body.whole.addErrback(lambda failure: None)
    response.deliverBody(body)
    body.whole.cancel()


def late(_: object, seconds: float) -> Any:
    """What a Deferred that timed out fails with."""
    raise NotFetched(f"it did not come within {seconds:.0f} seconds")


def explain(failure: Failure) -> Failure:
    """A `NotFetched` for whatever went wrong, with the cause that Twisted names first."""
    if failure.check(NotFetched):
        return failure
    reasons = getattr(failure.value, "reasons", None) or [failure]
    cause = reasons[0].value
    raise NotFetched(str(cause) or type(cause).__name__) from cause


class _Body(Protocol):
    """Reads a body; cancelling `whole` closes its connection."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self.whole: Deferred[bytes] = Deferred(lambda deferred: self._cut())
        self._read = bytearray()

    def dataReceived(self, data: bytes) -> None:
        if self.whole.called:
            return
        self._read += data
        if len(self._read) > self._largest:
            self.whole.errback(NotFetched(f"it is larger than {self._largest >> 10} KiB"))
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
class Uncompressed:
    """Does not ask for compressed answers, as treq would: what they become has no bound."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: Any = None
    ) -> Deferred[IResponse]:
        """Send a request; fires with its answer."""
        asked = Headers() if headers is None else headers.copy()
        asked.setRawHeaders(b"accept-encoding", [b"identity"])
        answered: Deferred[IResponse] = self._agent.request(method, uri, asked, bodyProducer)
        return answered.addCallback(_refuse_compressed)


def _refuse_compressed(response: IResponse) -> IResponse:
    """treq decompresses those of gzip, a flood in one piece."""
    if header(response, b"content-encoding").lower() not in ("", "identity"):
        drop(response)
        raise NotFetched("it is compressed, which was not asked for")
    return response
