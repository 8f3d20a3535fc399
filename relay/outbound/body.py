"""The body of an answer on its way to a handler: decompressed, counted, timed, and let go of."""

from __future__ import annotations

import zlib
from collections import deque
from typing import Any, Protocol

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol as Connected
from twisted.internet.protocol import connectionDone
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse

from relay.model.problems.upstream import UpstreamError
from relay.net.private import abort_body
from relay.outbound.decoder import UncodedBody, decoder
from relay.outbound.headers import tamed
from relay.outbound.problems import explain
from relay.timing.timers import stop_timer

_AHEAD = 1 << 16  # bytes read before somebody wants them
_AT_ONCE = 1 << 20  # bytes handed on before other work of the reactor has its turn


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
    Nothing is decompressed before it is wanted, but for as much as is read ahead. To its reader this is the transport.
    """

    def __init__(self, clock: IReactorTime, original: IResponse, limit: int, watch: Watch) -> None:
        super().__init__(original)
        self.headers = tamed(original.headers)
        self._clock = clock
        self._decoder = decoder(self.headers)
        self.length = original.length if isinstance(self._decoder, UncodedBody) else UNKNOWN_LENGTH
        self._limit = limit
        self._sent = self._decoded = 0  # bytes so far
        self._watch = watch
        self._reader: Any = None
        self._is_paused = self._is_working = self._was_told = False
        self._flows = True  # more is read from the API
        self._later: IDelayedCall | None = None
        self._ahead: deque[bytes] = deque()
        self._size_ahead = 0
        self._last: Failure | None = None  # how it was ended by the API
        self._reason: Failure | None = None  # how it ended, all of it decoded
        self._producer: Any = None
        watch.begin()
        original.deliverBody(_Relay(self))

    def deliverBody(self, protocol: Any) -> None:
        self._reader = protocol
        protocol.makeConnection(self)
        if self._reason is not None and not self._ahead:
            self._tell()
        self._work()

    def abort(self, error: Exception) -> None:
        """Close the connection; whoever reads the body gets the error."""
        if self._reason is None:
            self._end(Failure(error), error)
            abort_body(self._producer)

    # -- what the reader does with its transport --

    def pauseProducing(self) -> None:
        self._is_paused = True
        self._work()

    def resumeProducing(self) -> None:
        self._is_paused = False
        self._work()

    def loseConnection(self) -> None:
        self._ahead.clear()
        self.abort(CancelledError("the body was not wanted"))

    stopProducing = abortConnection = loseConnection

    # -- what comes from below --

    def began(self, producer: Any) -> None:
        self._producer = producer

    def arrived(self, data: bytes) -> None:
        """A piece of the body is here."""
        if self._reason is not None or not data:
            return
        self._watch.begin()
        self._sent += len(data)
        self._decoder.feed(data)
        self._work()

    def ended(self, reason: Failure) -> None:
        """The body has ended, or its connection."""
        if self._reason is not None:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self._last = reason
            self._work()
        else:
            error = explain(reason)
            self._end(Failure(error), error)

    # -- between them --

    @property
    def _is_wanted(self) -> bool:
        """Whether more is wanted now, by the reader, or to be read ahead."""
        return (
            self._size_ahead <= _AHEAD if self._reader is None else not self._is_paused and not self._was_told
        )

    def _work(self) -> None:
        """Hand on as much as is wanted of what is there, then have more come, or not."""
        if self._is_working:
            return
        self._is_working = True
        try:
            self._hand_on()
        except zlib.error as error:
            self.abort(UpstreamError("upstream-encoding", str(error)))
        except UpstreamError as error:
            self.abort(error)
        finally:
            self._is_working = False
        self._flow()

    def _hand_on(self) -> None:
        done = 0
        while self._is_wanted and done < _AT_ONCE:
            piece = self._next()
            if not piece:
                return
            done += len(piece)
            if self._reader is None:
                self._ahead.append(piece)
                self._size_ahead += len(piece)
            else:
                self._reader.dataReceived(piece)
        if done >= _AT_ONCE and self._later is None:
            self._later = self._clock.callLater(0, self._go_on)

    def _next(self) -> bytes:
        if self._reader is not None and self._ahead:
            return self._ahead.popleft()
        piece = self._decoder.read()
        self._decoded += len(piece)
        if self._limit and (self._decoded > self._limit or self._sent > 2 * self._limit + _AHEAD):
            raise UpstreamError("upstream-too-large", "the body is larger than the job reads")
        return piece

    def _go_on(self) -> None:
        self._later = None
        self._work()

    def _flow(self) -> None:
        if self._reason is None and self._last is not None and self._decoder.empty:
            self._end_well(self._last)
        if self._reason is not None:
            if self._reader is not None and not self._ahead and not self._is_paused:
                self._tell()
        elif self._is_wanted and self._later is None:
            self._let_flow(True)
        else:
            self._let_flow(False)

    def _let_flow(self, flows: bool) -> None:
        if flows == self._flows:
            return
        self._flows = flows
        if flows:
            self._watch.begin()
            self._producer.resumeProducing()
        else:
            self._watch.rest()
            self._producer.pauseProducing()

    # -- its end --

    def _end_well(self, reason: Failure) -> None:
        if self._decoder.finished:
            self._end(reason, None)
        else:
            error = UpstreamError("upstream-encoding", "the compressed body has no end")
            self._end(Failure(error), error)

    def _end(self, reason: Failure, error: Exception | None) -> None:
        self._reason = reason
        self._decoder = UncodedBody()
        stop_timer(self._later)
        self._later = None
        self._watch.over(error)
        if error is not None:
            self._ahead.clear()
            self._tell()

    def _tell(self) -> None:
        if self._reader is not None and not self._was_told:
            self._was_told = True
            self._reader.connectionLost(self._reason)


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
