"""A client's connection: bytes to requests, responses to bytes, one exchange at a time.

A request is served when it is complete. Pipelined requests wait behind it, up to a bound. Nothing is served while a
client does not read its answers. `Connections` looks at every connection's `deadline` now and then.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from relay.http.connections import Connections
from relay.http.exchange import Responder, Served
from relay.http.intake import Intake
from relay.http.life import BUSY, CLOSING, DETACHED, IDLE, LAST, READING, SERVING
from relay.http.lingering import Lingering
from relay.http.receiving import REQUEST_TIME, Receiving
from relay.http.request import Refusal, Request
from relay.http.response import HttpAnswer, render
from relay.net.outgoing import has_gone
from relay.net.private import replace_protocol

AT_ONCE = 50  # pipelined requests served in one turn of the reactor


@implementer(IHalfCloseableProtocol)
class ClientConnection(Receiving):
    """One connection, and the exchange that is under way on it."""

    _log = Logger()
    __slots__ = (
        *("_advancing", "_bodyless", "_doubted", "_intake", "_responder", "_working"),
        *("answer_head", "chunked"),
    )

    def __init__(self, connections: Connections, address: str) -> None:
        super().__init__(connections, address)
        self._intake = Intake(connections, self)
        self._bodyless = False  # what is served is HEAD
        self.chunked = False  #: whether the request that is served may be answered in chunks
        self.answer_head = ""  #: header lines that its answer gets
        self._working: Deferred[Any] | None = None  # what finds its answer
        self._responder: Responder | None = None
        self._advancing = False
        self._doubted = False  # whether the client may have gone, by what was seen during this exchange

    def __repr__(self) -> str:
        does = f"serving {self._responder!r}" if self._responder is not None else self._life.name.lower()
        return f"<{type(self).__name__} of {self.address}, {does}>"

    def connectionMade(self) -> None:
        self._connections.add(self)
        self.transport.registerProducer(self._intake, True)
        self.deadline = self._connections.now() + self._connections.keepalive

    def dataReceived(self, data: bytes) -> None:
        if not self._intake.stopped:
            self._intake.read(data)
            self.advance()

    def readConnectionLost(self) -> None:
        """The client has closed its side. It may still read, so its requests are answered."""
        self._intake.ended = True
        if self._responder is not None:
            self._responder.half_closed()
        elif not (self._life in BUSY or self._intake.backlog or self._intake.unread):
            self.close()

    def writeConnectionLost(self) -> None:
        """We have closed ours (see `Lingering`)."""

    def advance(self) -> None:
        """Serve what waits, one after the other; a response that is there at once comes back here."""
        if self._advancing:
            return
        intake, self._advancing = self._intake, True
        try:
            for _ in range(AT_ONCE):
                if self._life in BUSY or intake.clogged or not intake.backlog:
                    break
                item = intake.backlog.pop(0)
                if isinstance(item, Request):
                    self._serve(item)
                else:
                    self._refuse(item)
                if intake.unread:
                    intake.read()
            else:  # others have their turn
                self._connections.clock.callLater(0, self.advance)
        finally:
            self._advancing = False
        if intake.backlog or intake.unread or intake.paused:
            intake.regulate()

    def _refuse(self, refusal: Refusal) -> None:
        self._become(LAST)
        self._bodyless, self.answer_head = refusal.method == "HEAD", ""
        self.respond(self._refused(refusal))

    def _serve(self, request: Request) -> None:
        self._life = SERVING if request.keep_alive else LAST
        self._bodyless, self.chunked = request.method == "HEAD", request.chunked
        self.deadline = 0.0
        request.transport, request.address = self.transport, self.address
        if self._connections.events.wants_asked:
            self.trail = request.trail = self._trail(request)
        served: Any = self._connections.pages.serve(request)
        self.answer_head = request.answer_head
        if hasattr(served, "addBoth"):  # a Deferred (of which `isinstance` takes six times as long)
            self._working = served
            served.addBoth(self.go_on, request)
        else:
            self._served(served)

    def go_on(self, served: Served | Failure, request: Request) -> None:
        """What a request is answered with took its time."""
        self._working = self._responder = None
        try:
            if isinstance(served, Failure):
                served = self._connections.pages.failed(served, request)
            self._served(served)
        except Exception:
            self._failed(Failure())

    def _served(self, served: Served) -> None:
        if type(served) is HttpAnswer:  # `isinstance` takes seven times as long for what is none
            self.respond(served)
            return
        self._responder = served
        served.begin(self)
        if self._intake.ended and self._responder is not None:
            self._responder.half_closed()

    def _failed(self, failure: Failure) -> None:
        """Abort the connection: a truncated answer means *outcome unknown, ask again*; a complete one would claim more
        than relay knows."""
        if self._life in BUSY:  # else the client has gone, and nobody looks for an answer any more
            self._log.failure("a request could not be answered", failure)
            self.tell_unanswered("cut")
            self.abortConnection()

    def respond(self, response: HttpAnswer) -> None:
        """Answer the request that is served, and go on with the next."""
        responder, self._responder = self._responder, None
        if responder is None:
            self._tell(response)
        is_ending = self._intake.ended or self._connections.closing is not None
        closing = self._life is LAST or (is_ending and self._intake.is_over())
        self.transport.write(render(response, closing, self._bodyless, self.answer_head))
        if closing:
            self._linger()
            return
        assert self._life is SERVING, f"{self!r} has nothing to answer"
        self._life = READING if self._intake.reading else IDLE
        self._progress, self._doubted = None, False
        self._began = self._connections.now()  # of what is being read: until now it waited for us
        if self._owes_continue:
            self.proceed()
        self.deadline = self._began + (REQUEST_TIME if self._intake.reading else self._connections.keepalive)
        if self._intake.backlog or self._intake.paused:
            self.advance()

    def _linger(self) -> None:
        """The last response was written; the client closes once it has it, unless it has closed its side already."""
        if self._intake.ended:
            self.close()
            return
        lingering = Lingering(self._connections, self.address)
        lingering.makeConnection(self.take_over(lingering))

    def take_over(self, protocol: Any) -> ITCPTransport:
        """Give the connection to another protocol, and let go of it."""
        transport: Any = self.transport
        transport.unregisterProducer()
        replace_protocol(transport, protocol)
        if self._intake.paused and not self._intake.ended:
            transport.resumeProducing()
        self._connections.forget(self)
        self._detach()
        return transport  # type: ignore[no-any-return]

    def look(self) -> None:
        """Notice a client that goes while nothing is read. If a client has sent more than is kept behind a request that
        is held without heartbeats, what it sends is read and discarded from then on, and no further request is served,
        as behind a hold that was committed."""
        if self._responder is None:
            return
        if not self._doubted and has_gone(self.transport):
            self._doubted = True  # what it sent before may still be read
            self._responder.half_closed()
        elif self._intake.is_stuck():
            self._become(LAST)
            self._intake.discard()

    def is_closing(self) -> bool:
        return self._intake.stopped

    def close(self) -> None:
        """Close once what was written is out; nothing more is read."""
        self._become(CLOSING)
        self._intake.stop()
        self._progress = None
        self.transport.unregisterProducer()  # which would keep it open
        super().close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        working, responder = self._working, self._responder
        self._detach()
        super().connectionLost(reason)
        if working is not None:
            self.tell_unanswered("abandoned")
            working.cancel()
        if responder is not None:
            responder.connectionLost()

    def _detach(self) -> None:
        """Let go of all that knows this connection."""
        self._become(DETACHED)
        self._intake.let_go()
        self._working = self._responder = None
        self.transport = None
