"""The body of an answer on its way to a handler: decompressed, counted, timed, and let go of."""

from __future__ import annotations

import zlib
from typing import Any, Protocol

from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Protocol as Connected
from twisted.internet.protocol import connectionDone
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse

from relay.outbound.problems import explain
from relay.upstream import UpstreamError

_PIECE = 1 << 16  # bytes decompressed at once
_AHEAD = 1 << 16  # bytes read before somebody wants them
#: zlib's window for each encoding that is asked for or commonly sent unasked
_WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


class Watch(Protocol):
    """Whoever times a body."""

    def begin(self) -> None:
        """The next piece is waited for."""

    def rest(self) -> None:
        """Nothing is waited for: the reader is busy."""

    def over(self, error: Exception | None) -> None:
        """The body has ended, well or with an error; called once."""


class Body(proxyForInterface(IResponse)):  # type: ignore[misc]
    """A response whose body has at most `limit` decoded bytes (0: any number).

    A body that is short is read at once, whether or not somebody wants it, so that its connection is free for others.
    To its reader this is the transport.
    """

    def __init__(self, original: IResponse, limit: int, watch: Watch) -> None:
        super().__init__(original)
        self.headers: Headers = original.headers.copy()
        self._decoder = _decoder(self.headers)
        self.length = UNKNOWN_LENGTH if self._decoder else original.length
        self._left = limit or None
        self._watch = watch
        self._reader: Any = None
        self._ahead: list[bytes] = []
        self._size_ahead = 0
        self._reason: Failure | None = None
        self._producer: Any = None
        watch.begin()
        original.deliverBody(_Relay(self))

    def deliverBody(self, protocol: Any) -> None:
        self._reader = protocol
        protocol.makeConnection(self)
        ahead, self._ahead = self._ahead, []
        for piece in ahead:
            protocol.dataReceived(piece)
        if self._reason is not None:
            protocol.connectionLost(self._reason)
        elif self._size_ahead > _AHEAD:
            self.resumeProducing()

    def abort(self, error: Exception) -> None:
        """Close the connection; whoever reads the body gets the error."""
        if self._reason is None:
            self._end(Failure(error), error)
            # Twisted's own proxy offers loseConnection only, which waits for a TLS peer that may never answer
            transport = getattr(self._producer, "_producer", self._producer)
            if transport is not None:
                transport.abortConnection()

    # -- what the reader does with its transport --

    def pauseProducing(self) -> None:
        if self._reason is None:
            self._watch.rest()
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        if self._reason is None:
            self._watch.begin()
            self._producer.resumeProducing()

    def loseConnection(self) -> None:
        self.abort(CancelledError("the body was not wanted"))

    stopProducing = abortConnection = loseConnection

    # -- what comes from below --

    def began(self, producer: Any) -> None:
        self._producer = producer

    def arrived(self, data: bytes) -> None:
        if self._reason is not None:
            return
        self._watch.begin()
        try:
            for piece in self._decoder(data) if self._decoder else (data,):
                self._take(piece)
        except zlib.error as error:
            self.abort(UpstreamError("upstream-encoding", str(error)))
        except UpstreamError as error:
            self.abort(error)

    def _take(self, piece: bytes) -> None:
        if self._left is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise UpstreamError("upstream-too-large", "more than the job wants to read")
        if self._reader is not None:
            self._reader.dataReceived(piece)
            return
        self._ahead.append(piece)
        self._size_ahead += len(piece)
        if self._size_ahead > _AHEAD:
            self.pauseProducing()

    def ended(self, reason: Failure) -> None:
        if self._reason is not None:
            return
        if not reason.check(ResponseDone, PotentialDataLoss):
            error = explain(reason)
            self._end(Failure(error), error)
        elif self._decoder is not None and not self._decoder.finished:
            self.ended(Failure(UpstreamError("upstream-encoding", "the compressed body has no end")))
        else:
            self._end(reason, None)

    def _end(self, reason: Failure, error: Exception | None) -> None:
        self._reason = reason
        self._watch.over(error)
        if self._reader is not None:
            self._reader.connectionLost(reason)


class _Relay(Connected):
    """Hands a body on."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def connectionMade(self) -> None:
        self._body.began(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._body.arrived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._body.ended(reason)


class _Decoder:
    """Decompresses in pieces, so that a bomb is noticed by its first megabytes."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._inflate = zlib.decompressobj(window)

    @property
    def finished(self) -> bool:
        return self._inflate.eof

    def __call__(self, data: bytes) -> Any:
        if self._window == 15 and data and data[0] & 0x0F != 8:  # what some call deflate has no head
            self._inflate = zlib.decompressobj(-15)
        self._window = 0
        while data and not self._inflate.eof:
            yield self._inflate.decompress(data, _PIECE)
            data = self._inflate.unconsumed_tail


def _decoder(headers: Headers) -> _Decoder | None:
    encoding = b",".join(headers.getRawHeaders(b"content-encoding", [])).strip().lower()
    if encoding not in _WINDOWS:
        return None
    headers.removeHeader(b"content-encoding")
    headers.removeHeader(b"content-length")
    return _Decoder(_WINDOWS[encoding])


class Whole(proxyForInterface(IResponse)):  # type: ignore[misc]
    """A response whose body was read already."""

    def __init__(self, original: IResponse, body: bytes) -> None:
        super().__init__(original)
        self._body = body

    def deliverBody(self, protocol: Any) -> None:
        if self._body:
            protocol.dataReceived(self._body)
        protocol.connectionLost(Failure(ResponseDone()))
