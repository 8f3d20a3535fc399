"""A client's connection: bytes to requests, answers to bytes, one request at a time.

A request is served when it is whole; what is pipelined behind it waits. Times are watched by the site, which looks at
every connection's `deadline` now and then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.direct import send
from relay.errors import RelayError
from relay.front import answers
from relay.front.answers import Answer
from relay.front.lingering import Lingering
from relay.front.reading import Reader
from relay.front.request import Request

if TYPE_CHECKING:
    from relay.front.hold import Hold
    from relay.front.site import Site

MOST_PIPELINED = 100  # requests; more are not read until these are answered
REQUEST_TIME = 60.0  # seconds from a request's first byte to its last
LAST_REQUEST = 1.0  # seconds for the request of who connected just before the end
PATIENCE = 15.0  # seconds for a client to read its last answer
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Reader, Protocol):
    """One connection; a hold takes it over when it commits."""

    _log = Logger()

    def __init__(self, site: Site) -> None:
        super().__init__(site.body_limit)
        self._site = site
        self._waiting: list[Request] = []
        self._serving = False
        self._bodyless = False  # what is served is HEAD
        #: whether the request that is served may be answered in chunks
        self.chunked = False
        self._working: Deferred[Any] | None = None  # what finds its answer
        self._hold: Hold | None = None
        self._answered = False
        self._closing = False  # after the answer that is due
        self._advancing = False
        #: by the site's clock; 0 for none
        self.deadline = 0.0

    def connectionMade(self) -> None:
        self._site.connections.add(self)
        self.deadline = self._site.now() + self._site.keepalive

    # -- what is read --

    def dataReceived(self, data: bytes) -> None:
        if not self._refused:
            self.read(data)

    def began(self) -> None:
        if not self._serving:
            self.deadline = self._site.now() + REQUEST_TIME

    def proceed(self) -> None:
        self._write(_CONTINUE)

    def take(self, request: Request) -> None:
        request.transport = self.transport
        self._waiting.append(request)
        if len(self._waiting) == MOST_PIPELINED:
            self.transport.pauseProducing()  # type: ignore[union-attr]
        self._advance()

    # -- from requests to answers --

    def _advance(self) -> None:
        """Serve what waits, one after the other; an answer that is there at once comes back here."""
        if self._advancing:
            return
        self._advancing = True
        while self._waiting and not self._serving:
            self._serve(self._waiting.pop(0))
            if len(self._waiting) == MOST_PIPELINED - 1:
                self.transport.resumeProducing()  # type: ignore[union-attr]
        self._advancing = False

    def _serve(self, request: Request) -> None:
        self._serving = True
        self._closing = self._closing or not request.keep_alive
        self._bodyless = request.method == "HEAD"
        self.chunked = request.chunked
        self.deadline = 0.0
        served = self._site.serve(request)
        if isinstance(served, Deferred):
            self._working = served
            served.addCallback(self._served).addErrback(self._failed)
        else:
            self._served(served)

    def _served(self, served: Answer | Hold) -> None:
        self._working = None
        if isinstance(served, Answer):
            self.answer(served)
        else:
            self._hold = served
            served.begin(self)

    def _failed(self, failure: Failure) -> None:
        """No answer could be made: a cut says *unknown, ask again*, anything else would be a lie."""
        if self._serving:  # else the client has gone, and nobody looks for an answer any more
            self._log.failure("a request could not be answered", failure)
            self.abortConnection()

    def answer(self, answer: Answer) -> None:
        """Answer the request that is served, and go on with the next."""
        self._serving, self._hold = False, None
        self._answered = True
        closing = self._closing or self._site.closing is not None
        self._write(answers.render(answer, closing, self._bodyless))
        if closing:
            self._refused = True  # nothing more is read
            self._waiting.clear()
            self._close()
            return
        self.deadline = self._site.now() + (REQUEST_TIME if self._reading else self._site.keepalive)
        self._advance()

    def _write(self, data: bytes) -> None:
        send(self.transport, data)

    def refuse(self, error: RelayError, head: str = "") -> None:
        """Answer, and go on reading for a while: a client that is still writing when the connection closes never reads
        its answer."""
        if self._refused:
            return
        self._refused = True
        if self._serving:  # its answer goes first, and is the last
            self._closing = True
            return
        answer = answers.problem(error, self._site.prefix)
        self._write(answers.render(answer.with_head(head), closing=True))
        lingering = Lingering(self._site.clock)
        lingering.makeConnection(self.take_over(lingering))

    # -- the end --

    def take_over(self, protocol: Any) -> ITCPTransport:
        """Give the connection to another protocol, and let go of it."""
        transport: Any = self.transport
        # a TLS or PROXY wrapper stands between the socket and its protocol
        setattr(
            transport, "wrappedProtocol" if hasattr(transport, "wrappedProtocol") else "protocol", protocol
        )
        if len(self._waiting) >= MOST_PIPELINED:
            transport.resumeProducing()
        self._refused = True
        self._forget()
        return transport  # type: ignore[no-any-return]

    def abortConnection(self) -> None:
        """Cut the connection."""
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    def close_when_idle(self) -> None:
        """Close after the answer that is due, at once if none is; but who has just connected is about to ask."""
        if self._serving:
            self._closing = True
        elif self._answered and not self._reading:
            self._close()
        else:
            self.deadline = self._site.now() + LAST_REQUEST

    def on_deadline(self) -> None:
        """The client took too long; at the second time it does not even read."""
        if self._refused:
            self.abortConnection()
        else:
            self._refused = True
            self._close()

    def _close(self) -> None:
        self.deadline = self._site.now() + PATIENCE
        self.transport.loseConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        working, hold = self._working, self._hold
        self._refused = True
        self._forget()
        if working is not None:
            working.cancel()
        if hold is not None:
            hold.connectionLost()

    def _forget(self) -> None:
        """Let go of all that knows this connection."""
        self._site.forget(self)
        self._waiting.clear()
        self._serving = False
        self._working = self._hold = self._parser = None
        self.transport = None
