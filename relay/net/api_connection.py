"""A connection to an API that sends more than a head, or more around a body than the body, for as long as it likes.

Twisted's client counts neither. This is its protocol, with bounds, and with the rule of RFC 9112 for when a connection
can take another request.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.python.failure import Failure
from twisted.web._newclient import HEADER, STATUS, HTTP11ClientProtocol
from twisted.web.http import _ChunkedTransferDecoder
from zope.interface import implementer

from relay.net.persistence import idle_seconds
from relay.timing.timers import stop_timer

HEAD = 256 << 10  # bytes of an answer's heads, those of 1xx answers included
LINES = 2_000  # of these heads
FRAMING = 256 << 10  # bytes around the chunks of a body, and
FRAMING_PER_BYTE = 16  # so many for each byte of it
AT_ONCE = 32 << 10  # bytes that are read before other work of the reactor has its turn
CLOSING = 3.0  # seconds that a peer has to close its side, too
_PORTION = 4096  # bytes of a head that are parsed before they are counted again


class AnswerTooLarge(Exception):
    """An answer has a head, or chunks, without end."""


class AnswerMalformed(Exception):
    """An answer is not HTTP."""


class ApiConnection(HTTP11ClientProtocol):
    """Ends with `AnswerTooLarge` or `AnswerMalformed` where an answer is none, whatever the peer does then."""

    _bytes = 0  # of heads
    _lines = 0
    _socket: Any  # the transport below TLS
    _lose: Callable[[], None]  # its transport's own,
    _cut: Callable[[], None]  # and its other one
    _late: IDelayedCall | None = None
    _is_ended = False  # by us
    _has_more = False  # came together with what is parsed
    idle_seconds = 0.0  # for how long it may be idle, and take another request then

    def connectionMade(self) -> None:
        super().connectionMade()
        transport: Any = self.transport
        while hasattr(transport, "transport"):  # below TLS
            transport = transport.transport
        transport.bufferSize = AT_ONCE
        self._socket = transport
        above: Any = self.transport
        self._lose, self._cut = above.loseConnection, above.abortConnection
        above.loseConnection, above.abortConnection = self._close, self._abort

    @property
    def is_usable(self) -> bool:
        """Whether it can take a request: its peer has not closed it, nor sent what nobody asked for, not even within
        this turn of the reactor, which has read neither yet."""
        return self.state == "QUIESCENT" and not self._is_ended and not has_come(self._socket.getHandle())

    def request(self, request: Any) -> Any:
        """Send a request; fires with the response."""
        self._bytes = self._lines = 0
        answered = super().request(request)
        parser: Any = self._parser
        if parser is not None:
            parser.MAX_LENGTH = HEAD  # of a line: what counts is the whole
            parser._transferDecoders = {b"chunked": Chunks}
            parser._log = _SILENT  # one line for each 1xx answer
        return answered

    def dataReceived(self, data: bytes) -> None:
        parser: Any = self._parser
        try:
            while data and self._parser and self._parser is parser:
                size = len(data)
                if parser.state in (STATUS, HEADER):
                    size = _PORTION
                    self._count(data[:size])
                self._has_more = len(data) > size
                parser.dataReceived(data[:size])
                data = data[size:]
        except Exception as error:
            self._break_off(error)
        else:
            if data and self._parser is None:  # nobody asked for it
                self._abort()

    def _finishResponse(self, rest: bytes) -> None:
        """Twisted keeps a connection unless `Connection` is ``close``, letter for letter: also one of HTTP/1.0, which
        its server closes in a moment, and one with more on it than the answer, which the next request would get."""
        parser: Any = self._parser
        request: Any = self._currentRequest
        if parser is not None and request is not None:
            answer = parser.response
            is_over = bool(rest) or self._has_more or self._is_ended
            self.idle_seconds = (
                0.0 if is_over else idle_seconds(answer.version, answer.code, parser.connHeaders)
            )
            request.persistent = request.persistent and self.idle_seconds > 0
        is_early = self._state == "TRANSMITTING"
        super()._finishResponse(rest)
        if is_early:  # the rest of the request is not wanted, and might never be read
            self._abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        stop_timer(self._late)
        super().connectionLost(reason)

    def _close(self) -> None:
        """Close as TLS and TCP have it, which wait for the peer; one that neither answers nor reads is cut."""
        self._is_ended = True
        if self._late is None and self.state != "CONNECTION_LOST":
            self._late = self._socket.reactor.callLater(CLOSING, self._abort)
            self._lose()

    def _abort(self) -> None:
        self._is_ended = True
        self._cut()

    def _count(self, data: bytes) -> None:
        self._bytes += len(data)
        self._lines += data.count(b"\n")
        if self._bytes > HEAD + _PORTION or self._lines > LINES:
            raise AnswerTooLarge(f"its head has more than {HEAD} bytes or {LINES} lines")

    def _break_off(self, error: Exception) -> None:
        """Close at once: a peer that is asked to close may go on sending."""
        if not isinstance(error, AnswerTooLarge):
            error = AnswerMalformed(str(error) or type(error).__name__)
        state, answer, finished, request = (
            self._state,
            self._responseDeferred,
            self._finishedRequest,
            self._currentRequest,
        )
        self._abort()
        self._disconnectParser(Failure(error))
        if state == "TRANSMITTING" and answer and finished and request:  # of that Twisted tells nobody
            self._state = "GENERATION_FAILED"
            answer.addErrback(lambda failure: None)
            request.stopWriting()
            finished.errback(Failure(error))


class Chunks(_ChunkedTransferDecoder):
    """Joins the chunks that come together, and counts what is around them."""

    def __init__(self, deliver: Callable[[bytes], None], finish: Callable[[bytes], None]) -> None:
        super().__init__(self._took, self._finished)
        self._deliver = deliver
        self._finish = finish
        self._chunks: list[bytes] = []
        self._all = self._body = 0  # bytes

    def dataReceived(self, data: bytes) -> None:
        self._all += len(data)
        super().dataReceived(data)
        self._flush()
        if self._all - self._body > FRAMING + FRAMING_PER_BYTE * self._body:
            raise AnswerTooLarge("the framing of its chunks is larger than the chunks")

    def _took(self, chunk: bytes) -> None:
        self._body += len(chunk)
        self._chunks.append(chunk)

    def _flush(self) -> None:
        chunks, self._chunks = self._chunks, []
        if chunks:
            self._deliver(b"".join(chunks))

    def _finished(self, rest: bytes) -> None:
        self._flush()
        self._finish(rest)


def has_come(handle: socket.socket) -> bool:
    """Whether a socket has bytes to read, or its end."""
    try:
        handle.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def is_malformed(error: BaseException) -> bool:
    """Whether Twisted's client, or this one, failed with this because an answer is not HTTP."""
    return isinstance(error, AnswerMalformed) or type(error).__module__ == HTTP11ClientProtocol.__module__


@implementer(ILogObserver)
def _ignore(event: LogEvent) -> None:
    """Nobody needs it."""


_SILENT = Logger(observer=_ignore)
