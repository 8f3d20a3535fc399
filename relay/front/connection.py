"""A client's connection: bytes to requests, answers to bytes, one request at a time.

A request is served when it is complete. Pipelined requests wait behind it, up to a bound. Nothing is served while a
client does not read its answers. The site watches the times: it looks at every connection's `deadline` now and then.
"""

from __future__ import annotations

from random import random
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from relay.direct import send
from relay.front import answers
from relay.front.answers import Answer
from relay.front.backlog import Backlog
from relay.front.lingering import Lingering
from relay.front.outgoing import PATIENCE, Progress, has_gone, unsent
from relay.front.reading import Reader, Refusal
from relay.front.request import Request

if TYPE_CHECKING:
    from relay.front.hold import Hold
    from relay.front.site import Site

AT_ONCE = 50  # pipelined requests served in one turn of the reactor
REQUEST_TIME = 60.0  # seconds from a request's first byte to its last, and one more for each:
REQUEST_RATE = 1 << 10  # bytes of its body
REST = 0.25  # seconds, half to one and a half times, before more of a body in tiny chunks is read
LAST_REQUEST = 5.0  # seconds for another request on a connection that is about to close
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@implementer(IHalfCloseableProtocol, IPushProducer)
class Connection(Reader, Protocol):
    """One connection; a hold takes it over when it commits."""

    def __init__(self, site: Site, address: str) -> None:
        super().__init__(site.body_limit)
        self._site = site
        #: of the client
        self.address = address
        self._waiting = Backlog()
        self._serving = False
        self._bodyless = False  # what is served is HEAD
        #: whether the request that is served may be answered in chunks
        self.chunked = False
        self._working: Deferred[Any] | None = None  # what finds its answer
        self._hold: Hold | None = None
        self._closing = False  # after the answer that is due
        self._advancing = False
        self._clogged = False  # the client does not read
        self._resting = False  # we had much work with what came
        self._paused = False  # we do not read
        self._paused_at = 0.0
        self._half_closed = False  # the client says nothing more
        self._doubted = False  # whether it is there, by what was seen while this request was held
        self._began = 0.0  # the request that is being read
        self._owes_continue = False
        self._progress: Progress | None = None  # of what the client is sent, since its deadline passed
        #: by the site's clock; 0 for none
        self.deadline = 0.0

    def connectionMade(self) -> None:
        self._site.connections.add(self)
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]
        self.deadline = self._site.now() + self._site.keepalive

    # -- what is read --

    def dataReceived(self, data: bytes) -> None:
        if not self._refused:
            self.read(data)
            self._advance()

    def has_room(self) -> bool:
        return not (self._clogged or self._resting or self._waiting.is_full)

    def rest(self) -> None:
        self._resting = True
        self._site.clock.callLater(REST * (0.5 + random()), self._go_on_reading)

    def _go_on_reading(self) -> None:
        self._resting = False
        if self.transport is not None:
            self.read_on()
            self._advance()

    def began(self) -> None:
        self._began = self._site.now()
        if not self._serving:
            self.deadline = self._began + REQUEST_TIME

    def grew(self, size: int) -> None:
        if not self._serving:
            self.deadline = self._began + REQUEST_TIME + size / REQUEST_RATE

    def proceed(self) -> None:
        self._owes_continue = self._serving or bool(self._waiting or self._found)  # answers before go first
        if not self._owes_continue:
            self._write(_CONTINUE)

    def take(self, item: Request | Refusal) -> None:
        self._waiting.add(item)

    def readConnectionLost(self) -> None:
        """The client has closed its side. It may still read, so its requests are answered."""
        self._half_closed = True
        if self._hold is not None:
            self._hold.half_closed()
        elif not (self._serving or self._waiting or self._unread):
            self._close()

    def writeConnectionLost(self) -> None:
        """We have closed ours (see `Lingering`)."""

    # -- from requests to answers --

    def _advance(self) -> None:
        """Serve what waits, one after the other; an answer that is there at once comes back here."""
        if self._advancing:
            return
        self._advancing = True
        try:
            for _ in range(AT_ONCE):
                if not self._may_serve():
                    break
                self._next()
            else:  # others have their turn
                self._site.clock.callLater(0, self._advance)
        finally:
            self._advancing = False
        self._regulate()

    def _may_serve(self) -> bool:
        return bool(self._waiting) and not self._serving and not self._clogged

    def _next(self) -> None:
        item = self._waiting.next()
        if isinstance(item, Refusal):
            self._tell_refusal(item)
        else:
            self._serve(item)
            if self._unread:
                self.read_on()

    def _regulate(self) -> None:
        """Read no more than can be kept."""
        if not (self._waiting or self._unread or self._paused):
            return
        full = bool(self._unread) or not self.has_room()
        if self.transport is None or full == self._paused or self._half_closed:
            return
        self._paused, self._paused_at = full, self._site.now()
        if full:
            self.transport.pauseProducing()  # type: ignore[attr-defined]
        else:
            self.transport.resumeProducing()  # type: ignore[attr-defined]

    def _serve(self, request: Request) -> None:
        self._serving = True
        self._closing = self._closing or not request.keep_alive
        self._bodyless = request.method == "HEAD"
        self.chunked = request.chunked
        self.deadline = 0.0
        request.transport, request.address = self.transport, self.address
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
            return
        self._hold = served
        served.begin(self)
        if self._half_closed and self._hold is not None:
            self._hold.half_closed()

    def _failed(self, failure: Failure) -> None:
        """No answer could be made: a cut says *unknown, ask again*, anything else would be a lie."""
        if self._serving:  # else the client has gone, and nobody looks for an answer any more
            self._log.failure("a request could not be answered", failure)
            self.abortConnection()

    def answer(self, answer: Answer) -> None:
        """Answer the request that is served, and go on with the next."""
        self._serving, self._hold = False, None
        closing = self._closing or self._is_last()
        self._write(answers.render(answer, closing, self._bodyless))
        if closing:
            self._linger()
            return
        self._progress, self._doubted = None, False
        self._began = self._site.now()  # of what is being read: until now it waited for us
        if self._owes_continue:
            self.proceed()
        self.deadline = self._began + (REQUEST_TIME if self._reading else self._site.keepalive)
        self._advance()

    def _is_last(self) -> bool:
        """Whether no other request will be served, so that the answer says that the connection closes."""
        if self._waiting or self._unread:
            return False
        return self._half_closed or (self._site.closing is not None and not self._reading)

    def _write(self, data: bytes) -> None:
        send(self.transport, data)

    def _tell_refusal(self, refusal: Refusal) -> None:
        answer = answers.problem(refusal.error, self._site.prefix)
        self._write(answers.render(answer.with_head(refusal.head), closing=True, bodyless=refusal.bodyless))
        self._linger()

    def _linger(self) -> None:
        """The last answer was written; the client closes once it has it, unless it has closed its side already."""
        if self._half_closed:
            self._close()
            return
        lingering = Lingering(self._site, self.address)
        lingering.makeConnection(self.take_over(lingering))

    # -- a client that does not read, as its transport says --

    def pauseProducing(self) -> None:
        self._clogged = True

    def resumeProducing(self) -> None:
        self._clogged = False
        self._go_on_reading()

    def stopProducing(self) -> None:
        """The connection is lost, of which it is told as well."""

    # -- the end --

    def take_over(self, protocol: Any) -> ITCPTransport:
        """Give the connection to another protocol, and let go of it."""
        transport: Any = self.transport
        transport.unregisterProducer()
        # a TLS or PROXY wrapper stands between the socket and its protocol
        setattr(
            transport, "wrappedProtocol" if hasattr(transport, "wrappedProtocol") else "protocol", protocol
        )
        if self._paused and not self._half_closed:
            transport.resumeProducing()
        self._refused = True
        self._forget()
        return transport  # type: ignore[no-any-return]

    def abortConnection(self) -> None:
        """Cut the connection."""
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    def close_when_idle(self) -> None:
        """Close after the answer that is due, or the next one, because a client may be sending a request just now,
        which would be lost if the connection closed at once."""
        if not (self._serving or self._reading):
            self.deadline = self._site.now() + LAST_REQUEST

    def look(self) -> None:
        """Find out whether the client has gone, because nothing is read now that would show it."""
        if not self._paused or self._hold is None:
            return
        if not self._doubted and has_gone(self.transport):
            self._doubted = True  # what it sent before may still be read
            self._hold.half_closed()
        elif self._site.now() - self._paused_at > PATIENCE:
            self._read_to_no_end()

    def _read_to_no_end(self) -> None:
        """The client has sent so much behind a request that is held without heartbeats that its end would not be seen:
        as behind one that was committed, no other request is served."""
        self._closing = self._refused = True
        self._waiting.clear()
        self._unread, self._paused = b"", False
        self.transport.resumeProducing()  # type: ignore[union-attr]

    def on_deadline(self) -> None:
        """The client took too long to ask, or to read."""
        self._progress = self._progress or Progress()
        if self._progress.goes_on(self.transport):
            self.deadline = self._site.now() + PATIENCE
        elif self._refused or unsent(self.transport):
            self.abortConnection()
        else:
            self._close()

    def _close(self) -> None:
        self._refused = True  # nothing more is read
        self._waiting.clear()
        self._progress = None
        self.deadline = self._site.now() + PATIENCE
        transport: Any = self.transport
        transport.unregisterProducer()  # which would keep it open
        transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        working, hold = self._working, self._hold
        self._refused = True
        self._forget()
        self._site.doors.leave(self.address)
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
