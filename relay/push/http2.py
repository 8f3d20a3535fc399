"""One HTTP/2 connection to a server that is posted to: h2 speaks, Twisted carries.

RFC 9113. Requests share the connection, as many at once as the server takes and as its windows have room for; the
others wait. When the server is about to close the connection (GOAWAY), the requests that it has looked at go on to
their end, and the connection takes no others.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from relay.model.problems.upstream import UpstreamError
from relay.outbound.problems import explain
from relay.push.goodbye import Goodbye, Goodbyes

LARGEST = 16 << 10  # bytes of an answer's body
ALPN = b"h2"


@dataclass(frozen=True, slots=True)
class Http2Answer:
    """An answer: its status, its headers by their names in lower case, its body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, eq=False)
class _Posted:
    """A request, and what has come of its answer."""

    path: str
    headers: list[tuple[str, str]]
    body: bytes
    answered: Deferred[Http2Answer]
    stream: int = 0  # 0 until it is sent
    status: int = 0
    told: dict[str, str] = field(default_factory=dict)
    came: bytearray = field(default_factory=bytearray)


class Http2Connection(Protocol):
    """Posts over one connection; `authority`: the host, with its port where that is not 443."""

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._waiting: deque[_Posted] = deque()
        self._open: dict[int, _Posted] = {}
        self._goodbyes = Goodbyes()
        self._is_known = False  # the server has said what it takes
        #: whether it takes further requests
        self.is_usable = True
        #: how often the server has sent something
        self.heard = 0

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return not self._open and not self._waiting

    def post(self, path: str, headers: list[tuple[str, str]], body: bytes) -> Deferred[Http2Answer]:
        """Post a body. Cancelling it takes the request back. Fails with `UpstreamError`; where `unsent` is among its
        members, the server has done nothing about the request."""
        posted = _Posted(path, headers, body, Deferred(lambda _: self._take_back(posted)))
        if not self.is_usable:
            posted.answered.errback(_cut("the connection is closed", unsent=True))
            return posted.answered
        self._waiting.append(posted)
        self._send_waiting()
        return posted.answered

    def close(self, why: str = "the connection is closed") -> None:
        """End it, and what is under way."""
        self.is_usable = False
        self._fail_all(_cut(why))
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    # -- what Twisted calls --

    def connectionMade(self) -> None:
        self._h2.initiate_connection()
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        self.heard += 1
        try:
            self._take(data)
        except ProtocolError as error:
            self.is_usable = False
            self._flush()
            self._fail_all(UpstreamError("upstream-malformed", str(error) or type(error).__name__))
            self.transport.loseConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_usable = False
        error = explain(reason)
        self._fail_all(error if isinstance(error, UpstreamError) else _cut(reason.getErrorMessage()))

    # -- requests --

    def _send_waiting(self) -> None:
        while self._waiting and self._has_room(self._waiting[0]):
            self._send(self._waiting.popleft())
        self._flush()

    def _has_room(self, posted: _Posted) -> bool:
        most, begun = self._h2.remote_settings.max_concurrent_streams, self._h2.open_outbound_streams
        window = min(self._h2.outbound_flow_control_window, self._h2.remote_settings.initial_window_size)
        return self._is_known and begun < most and len(posted.body) <= window

    def _send(self, posted: _Posted) -> None:
        posted.stream = self._h2.get_next_available_stream_id()
        self._open[posted.stream] = posted
        asked = [(":method", "POST"), (":scheme", "https"), (":authority", self._authority)]
        self._h2.send_headers(posted.stream, [*asked, (":path", posted.path), *posted.headers])
        self._h2.send_data(posted.stream, posted.body, end_stream=True)

    def _take_back(self, posted: _Posted) -> None:
        if posted in self._waiting:
            self._waiting.remove(posted)
        elif self._open.pop(posted.stream, None) is not None:
            self._reset(posted.stream)
            self._send_waiting()

    def _fail_all(self, error: UpstreamError) -> None:
        """Those that the server may have seen fail with this error; the others with the same, as not sent."""
        begun, self._open = list(self._open.values()), {}
        for posted in begun:
            posted.answered.errback(UpstreamError(error.type, error.detail))
        self._fail_waiting(error)

    def _fail_waiting(self, error: UpstreamError) -> None:
        waiting, self._waiting = list(self._waiting), deque()
        for posted in waiting:
            posted.answered.errback(UpstreamError(error.type, error.detail, unsent=True))

    # -- answers --

    def _take(self, data: bytes) -> None:
        if not self._is_known and self.transport.negotiatedProtocol != ALPN:  # type: ignore[union-attr]
            raise ProtocolError("the server does not speak HTTP/2")
        passed, goodbyes = self._goodbyes.take(data)
        for event in self._h2.receive_data(passed):
            self._on_event(event)
        for goodbye in goodbyes:
            self._on_goodbye(goodbye)
        self._send_waiting()
        if not self.is_usable and self.is_idle:
            self.transport.loseConnection()  # type: ignore[union-attr]

    def _on_event(self, event: Any) -> None:
        match event:
            case events.RemoteSettingsChanged():
                self._is_known = True
            case events.ResponseReceived() | events.DataReceived() | events.StreamEnded():
                self._on_answer(event)
            case events.StreamReset(stream_id=stream, error_code=code):
                refused = code == ErrorCodes.REFUSED_STREAM  # RFC 9113, 8.7: nothing was done
                self._fail(stream, _cut(f"the server reset the stream ({code})", unsent=refused))

    def _on_answer(self, event: Any) -> None:
        posted = self._open.get(event.stream_id)
        if isinstance(event, events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if posted is None:
            return  # it was taken back
        if isinstance(event, events.ResponseReceived):
            posted.told = {str(name): str(value) for name, value in event.headers}
            posted.status = int(posted.told.pop(":status"))
        elif isinstance(event, events.DataReceived):
            posted.came += event.data
            if len(posted.came) > LARGEST:
                self._reset(event.stream_id)
                self._fail(event.stream_id, UpstreamError("upstream-too-large", f"more than {LARGEST} bytes"))
        else:
            del self._open[event.stream_id]
            posted.answered.callback(Http2Answer(posted.status, posted.told, bytes(posted.came)))

    def _on_goodbye(self, goodbye: Goodbye) -> None:
        """Streams after the last one that it names were not looked at, so they may be sent again."""
        self.is_usable = False
        why = f"the server closes the connection ({goodbye.code}): {goodbye.why}"
        for stream in [stream for stream in self._open if stream > goodbye.last]:
            self._fail(stream, _cut(why, unsent=True))
        self._fail_waiting(_cut(why))

    def _reset(self, stream: int) -> None:
        with suppress(StreamClosedError):  # its end has come with what is read now
            self._h2.reset_stream(stream, ErrorCodes.CANCEL)

    def _fail(self, stream: int, error: UpstreamError) -> None:
        posted = self._open.pop(stream, None)
        if posted is not None:
            posted.answered.errback(error)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self.transport is not None:
            self.transport.write(data)


@implementer(IProtocolNegotiationFactory)
class Http2Factory(ClientFactory):
    """Makes a connection that asks for HTTP/2 while TLS begins (ALPN)."""

    noisy = False

    def __init__(self, authority: str) -> None:
        self._authority = authority

    def buildProtocol(self, addr: Any) -> Http2Connection:
        return Http2Connection(self._authority)

    def acceptableProtocols(self) -> list[bytes]:
        return [ALPN]


def _cut(detail: str, unsent: bool = False) -> UpstreamError:
    return UpstreamError("upstream-cut", detail, **({"unsent": True} if unsent else {}))
