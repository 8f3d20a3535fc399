"""A link: one plain connection to Redis that comes back by itself.

Commands given while it is down wait for it, and are forgotten when their Deferred is cancelled; a command that
was sent when the connection broke fails with `LinkLost`, its outcome unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hiredis
import txredisapi
from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from relay.direct import send
from relay.store.address import Address

Reply = Any  # bytes, int, None, or a list of replies

RETRY_PAUSE = 0.1  # seconds, doubled up to:
RETRY_LIMIT = 0.25
#: errors of a server that is not, or no longer, the one to ask; it carried nothing out
NOT_NOW = ("LOADING", "MASTERDOWN", "READONLY", "UNBLOCKED", "TRYAGAIN", "CLUSTERDOWN")
#: seconds without any reply after which a connection is given up for another
SILENCE = 5.0


class LinkLost(Exception):
    """The connection broke while the command was under way: it may or may not have been carried out."""


class _Connection(txredisapi.RedisProtocol):  # type: ignore[misc]
    """Redis' protocol with bytes in and bytes out, that tells its link when it comes and goes."""

    def __init__(self, link: Link) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self._link = link

    def makeConnection(self, transport: Any) -> None:
        super().makeConnection(Eager(transport))

    def _build_command(self, *words: Any, **_: Any) -> bytes:
        packed: bytes = hiredis.pack_command(words)
        return packed

    def tryConvertData(self, data: Any) -> Any:
        return data

    def connectionMade(self) -> None:
        self.connected = 1
        ensureDeferred(self._link._greet(self))

    def connectionLost(self, why: Any) -> None:
        self._link._lost(self)
        super().connectionLost(why)


class _Connections(Factory):
    noisy = False

    def __init__(self, link: Link) -> None:
        self._link = link

    def buildProtocol(self, addr: IAddress | None) -> _Connection:
        return _Connection(self._link)


class Eager:
    """A transport that writes at once what fits; Twisted's own waits for the next turn of its loop."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        send(self._transport, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Link:
    """One connection to the server at `address`, kept by a ClientService on `endpoint`."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, endpoint: IStreamClientEndpoint, address: Address) -> None:
        self._address = address
        self._service = ClientService(endpoint, _Connections(self), retryPolicy=pause, clock=clock)
        self._clock = clock
        self._connection: _Connection | None = None
        self._unanswered = 0
        self._heard = 0.0  # when the last answer came, or the first command that is unanswered went
        self._watch = LoopingCall(self._check_silence)
        self._watch.clock = clock
        self._waiting: dict[Deferred[Reply], tuple[tuple[Any, ...], bool]] = {}
        #: called with no arguments, each time the link has come up
        self.on_up: Callable[[], None] = lambda: None

    @property
    def up(self) -> bool:
        return self._connection is not None

    def start(self) -> None:
        self._service.startService()
        self._watch.start(SILENCE / 5)

    def stop(self) -> Deferred[None]:
        self._watch.stop()
        for waiting in list(self._waiting):
            waiting.cancel()
        return self._service.stopService()

    def command(self, *words: bytes | str | int, blocking: bool = False) -> Deferred[Reply]:
        """Send a command. A `blocking` one may be silent for as long as it likes."""
        if self._connection is None:
            waiting: Deferred[Reply] = Deferred(self._forget)
            self._waiting[waiting] = (words, blocking)
            return waiting
        sent: Deferred[Reply] = self._connection.execute_command(*words)
        if blocking:
            return sent.addErrback(self._as_lost)
        if not self._unanswered:
            self._heard = self._clock.seconds()
        self._unanswered += 1
        answer: Deferred[Reply] = (
            Deferred()
        )  # one that can be cancelled while the server still owes us a reply
        sent.addBoth(self._answered, answer)
        return answer.addErrback(self._as_lost)

    def _forget(self, waiting: Deferred[Reply]) -> None:
        self._waiting.pop(waiting, None)

    def drop(self) -> None:
        """Give the present connection up for another."""
        if self._connection is not None:
            self._connection.transport.abortConnection()

    def _answered(self, result: Any, answer: Deferred[Reply]) -> None:
        self._unanswered -= 1
        self._heard = self._clock.seconds()
        if not answer.called:
            answer.callback(result)

    def _check_silence(self) -> None:
        if self._unanswered and self._clock.seconds() - self._heard > SILENCE:
            self.drop()

    async def _greet(self, connection: _Connection) -> None:
        try:
            for words in (*self._address.greeting, ("PING",)):
                await connection.execute_command(*words).addTimeout(SILENCE, self._clock)
        except Exception as error:
            if not isinstance(error, txredisapi.ConnectionError) and not str(error).startswith(NOT_NOW):
                self._log.error("Redis at {at} refuses: {error}", at=self._address.shown, error=str(error))
            connection.transport.loseConnection()
            return
        self._connection = connection
        self.on_up()
        waiting, self._waiting = self._waiting, {}
        for deferred, (words, blocking) in waiting.items():
            self.command(*words, blocking=blocking).chainDeferred(deferred)

    def _lost(self, connection: _Connection) -> None:
        if self._connection is connection:
            self._connection = None

    def _as_lost(self, failure: Any) -> Any:
        """Tell a connection that is of no use from a command that failed."""
        not_now = failure.check(txredisapi.ResponseError) and str(failure.value).startswith(NOT_NOW)
        if not_now:
            self.drop()
        if not_now or failure.check(txredisapi.ConnectionError):
            raise LinkLost(str(failure.value)) from failure.value
        return failure


def pause(attempt: int) -> float:
    return min(RETRY_LIMIT, RETRY_PAUSE * 2.0 ** min(attempt - 1, 10))
