"""twisted.web as relay runs it: bodies and time are limited, refusals are heard, connections can be taken over."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from relay.errors import Malformed, RelayError, TooLarge
from relay.front import answers
from relay.front.access import Access

REQUEST_TIME = 60.0  # seconds from a request's first byte to its last
LAST_REQUEST = 1.0  # seconds for the request of who connected just before the end
LINGER_TIME = 5.0  # seconds that a refused body is discarded for
LINGER_BYTES = 16 << 20


class FrontChannel(HTTPChannel):
    """A connection. A request has to be there whole within `REQUEST_TIME`, however its bytes drip in."""

    site: FrontSite
    _reading = False
    _answered = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.site.channels.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.site.forget(self)

    def close_when_idle(self) -> None:
        """Close after the answer that is due, at once if none is; but who has just connected is about to ask."""
        if self._handlingRequest:
            self.persistent = 0
        elif self._answered and not self._reading:
            self.loseConnection()
        else:
            self.setTimeout(LAST_REQUEST)

    def dataReceived(self, data: bytes) -> None:
        if not self._reading and not self._handlingRequest:
            self._reading = True
            self.setTimeout(REQUEST_TIME)
        LineReceiver.dataReceived(self, data)

    def requestDone(self, request: Request) -> None:
        self._savedTimeOut = None
        self._reading = False
        self._answered = True
        super().requestDone(request)
        if self.persistent and not self._handlingRequest:
            self.setTimeout(self.site.timeOut)


class FrontRequest(Request):
    """A request, checked before it is routed."""

    channel: Any
    content: Any
    site: FrontSite
    _refused = False

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        if length is not None and length > self.channel.site.body_limit:
            self._refuse_body()

    def handleContentChunk(self, data: bytes) -> None:
        if self._refused:
            return
        self.content.write(data)
        if self.content.tell() > self.channel.site.body_limit:
            self._refuse_body()

    def process(self) -> None:
        if self._refused:
            return
        self.site = self.channel.site
        if self.site.closing is not None:
            self.channel.persistent = 0
        if not self.channel.persistent:
            self.setHeader(b"Connection", b"close")
        try:
            self.site.access.check(self)
            _check_path(self.path)
        except RelayError as error:
            self.write(answers.problem(self, error, self.site.prefix))
            self.finish()
            return
        super().process()

    def _refuse_body(self) -> None:
        """Answer before the body is here, and go on reading it for a while: a client that is still writing when
        the connection closes never reads its answer."""
        self._refused = True
        self.content = BytesIO()
        self.requestHeaders.removeHeader("Expect")
        site = self.channel.site
        body = answers.problem_body(TooLarge(limit=site.body_limit), site.prefix)
        self.channel.transport.write(_refusal(TooLarge.status, body))
        site.reactor.callLater(0, self._linger)

    def _linger(self) -> None:
        if self.channel is not None:
            lingering = Lingering(self.channel.site.reactor)
            lingering.makeConnection(take_over(self, lingering))


def _check_path(path: bytes) -> None:
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise Malformed("the path is not UTF-8") from error


def _refusal(status: int, body: bytes) -> bytes:
    lines = (
        b"HTTP/1.1 %d %b" % (status, RESPONSES[status]),
        b"Content-Type: application/problem+json",
        b"Content-Length: %d" % len(body),
        b"Cache-Control: no-store",
        b"Relay-Source: relay",
        b"Connection: close",
    )
    return b"\r\n".join((*lines, b"", body))


class Lingering(Protocol):
    """The rest of a connection whose request was refused: said everything, reads what still comes, to no end."""

    def __init__(self, reactor: Any) -> None:
        self._left = LINGER_BYTES
        self._timer = reactor.callLater(LINGER_TIME, self._abort)

    def connectionMade(self) -> None:
        half_close = getattr(self.transport, "loseWriteConnection", None)
        if half_close is not None:
            half_close()

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._abort()

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._timer.active():
            self._timer.cancel()

    def _abort(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]


def take_over(request: Any, protocol: Any) -> ITCPTransport:
    """Give a request's connection to another protocol, and let go of channel and request, which know each other.

    Only to be called outside of the channel's own turn; nothing can be written through the request afterwards.
    """
    channel, transport = request.channel, request.channel.transport
    channel.setTimeout(None)
    transport.unregisterProducer()
    # a TLS or PROXY wrapper stands between the socket and its protocol
    setattr(transport, "wrappedProtocol" if hasattr(transport, "wrappedProtocol") else "protocol", protocol)
    transport.resumeProducing()
    channel.site.forget(channel)
    channel.requests.clear()
    channel.transport = channel._networkProducer = None
    request.channel = request.transport = None
    request.notifications = []
    request.content.close()
    return transport  # type: ignore[no-any-return]


class FrontSite(Site):
    """Makes connections, and knows what their requests are checked against."""

    noisy = False

    def __init__(
        self,
        resource: IResource,
        access: Access,
        body_limit: int,
        keepalive: float,
        prefix: str,
        reactor: Any,
    ) -> None:
        super().__init__(resource, timeout=keepalive, reactor=reactor, parsePOSTFormSubmission=False)
        self.requestFactory = FrontRequest
        # the plain channel: no HTTP/2 here, so no proxy object for each connection
        self.protocol = FrontChannel  # type: ignore[assignment]
        self.access = access
        self.body_limit = body_limit
        self.prefix = prefix
        self.reactor = reactor
        self.channels: set[FrontChannel] = set()
        #: fires when the last channel has closed, once `close` was called
        self.closing: Deferred[None] | None = None

    def forget(self, channel: FrontChannel) -> None:
        """A channel has closed, or its connection was taken over."""
        self.channels.discard(channel)
        if not self.channels and self.closing is not None and not self.closing.called:
            self.closing.callback(None)

    def close(self) -> Deferred[None]:
        """Close every connection as soon as its answer is out; fires when all have."""
        self.closing = Deferred()
        for channel in list(self.channels):
            channel.close_when_idle()
        if not self.channels and not self.closing.called:
            self.closing.callback(None)
        return self.closing

    def log(self, request: Any) -> None:
        """No access log: a proxy in front has a better one."""
