"""A link: one plain connection to Redis that comes back by itself.

Commands that are given while it is down wait for it, and are dropped when their Deferred is cancelled. A command that
was sent when the connection broke fails with `LinkLost`; its outcome is unknown. A command that Redis refuses fails
with `Refused`, or with `Elsewhere` if another connection may lead to the right server: then this one is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import txredisapi
from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.redis.greeting import greet
from relay.redis.health import Health
from relay.redis.refusal import Elsewhere, LinkLost, Misplaced, Refused, read_refusal, word_of
from relay.redis.server import Server
from relay.redis.wire import ProtocolFactory, Reconnecting, RedisConnection
from relay.timing.backoff import Backoff
from relay.timing.fork import pass_on
from relay.timing.recurring import recurring

__all__ = ["Connection", "Elsewhere", "LinkLost", "Misplaced", "Refused", "Reply"]

Reply = Any  # bytes, int, None, or a list of replies

RECONNECT = Backoff(0.1, limit=0.25)
TURNED_AWAY = Backoff(0.1, limit=2.0)  # by a server that refuses the greeting
#: seconds without any reply after which a connection is given up for another
SILENCE = 5.0
_LASTING = 1.0  # seconds after which a connection counts as a good one


class Connection:
    """One connection to a server, made again whenever it is lost or the server has moved. Links to one server share its
    `health`."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        server: Server,
        health: Health | None = None,
    ) -> None:
        self.health = health or Health(clock, server.shown)
        self._server = server
        self._service = Reconnecting(server, ProtocolFactory(self), self._not_made, self._pause, clock)
        self._clock = clock
        self._connection: RedisConnection | None = None
        #: whether there is a connection that commands go out on at once
        self.up = False
        self._greeted: RedisConnection | None = None  # one that is being greeted
        self._made = 0.0  # when the present connection was
        self._failures = 0  # in a row
        self._turned_away = False  # by the last greeting
        self._stopping = False
        self._unanswered = 0
        self._heard = 0.0  # when the last answer came, or the first command that is unanswered went
        self._watch = recurring(clock, self._check_silence)
        self._waiting: dict[Deferred[Reply], tuple[tuple[Any, ...], bool]] = {}
        server.on_moved.append(self.drop)
        #: called with no arguments, each time the link has come up
        self.on_up: Callable[[], None] = lambda: None
        #: called each time a connection that was in use is lost
        self.on_lost: Callable[[], None] = lambda: None
        #: called where the process is beyond repair (somebody closed its descriptors), with the reason
        self.on_broken: Callable[[str], None] = lambda why: None
        #: called when the server refuses the greeting
        self.on_refused: Callable[[Refused], None] = self.health.refused

    def start(self) -> None:
        self._service.startService()
        self._watch.start(SILENCE / 5)

    def stop(self) -> Deferred[None]:
        """Close the connection; what waits for it is cancelled."""
        self._stopping = True
        self.health.forget(self)
        if self._watch.running:
            self._watch.stop()
        for waiting in list(self._waiting):
            waiting.cancel()
        return self._service.stopService()

    # -- commands --

    def command(self, *words: bytes | str | int, blocking: bool = False) -> Deferred[Reply]:
        """Send a command. A `blocking` one may be silent for as long as it likes."""
        if self._connection is None:
            waiting: Deferred[Reply] = Deferred(self._forget)
            self._waiting[waiting] = (words, blocking)
            return waiting
        try:
            heard = None if blocking else self._answered
            answer: Deferred[Reply] = self._connection.execute_command(*words, heard=heard, read=self._read)
        except Exception as error:  # its descriptor is gone, say: nothing will ever be heard of it
            self.drop(f"it can't be written to: {error!r}")
            return fail(LinkLost(repr(error)))
        if not blocking:
            if not self._unanswered:
                self._heard = self._clock.seconds()
            self._unanswered += 1
        return answer

    def drop(self, why: str) -> None:
        """Give the present connection up for another, or the one that is being greeted."""
        connection = self._connection or self._greeted
        if connection is not None:
            self.lost(connection, why)
            try:
                connection.transport.abortConnection()
            except Exception as error:
                self.on_broken(f"a connection to Redis can't be closed: {error!r}")

    def _forget(self, waiting: Deferred[Reply]) -> None:
        self._waiting.pop(waiting, None)

    def _answered(self) -> None:
        """A reply has come that the server owed us, also to a command that was cancelled."""
        self._unanswered -= 1
        self._heard = self._clock.seconds()

    def _read(self, error: Exception) -> Exception:
        """Tell a connection that is of no use from a command that failed."""
        told: Exception
        if isinstance(error, txredisapi.ConnectionError):
            told = LinkLost(str(error))
        elif isinstance(error, txredisapi.ResponseError):
            told = self._read_said(str(error))
        else:
            return error
        if isinstance(told, Elsewhere):
            self._server.led_astray(str(told))
            self.drop(str(told))
        told.__cause__ = error
        return told

    def _read_said(self, said: str) -> Elsewhere | Refused:
        """What a refusal means, and what is wrong with the address if it comes from that."""
        mistake = self._server.mistake(said)
        told = read_refusal(f"{said.strip()}: {mistake}" if mistake else said)
        return Misplaced(str(told)) if mistake and word_of(said) == "MOVED" else told

    def _check_silence(self) -> None:
        if self._unanswered and self._clock.seconds() - self._heard > SILENCE:
            self.drop(f"it has been silent for {SILENCE:.0f} s")

    # -- what the connection says --

    def made(self, connection: RedisConnection) -> None:
        """A connection was made: greet the server."""
        self._greeted = connection
        ensureDeferred(self._greet(connection)).addErrback(
            lambda failure: self._log.failure("a new connection to Redis could not be prepared", failure)
        )

    def lost(self, connection: RedisConnection, why: str) -> None:
        """A connection is no longer of use."""
        if self._connection is not connection:
            return  # it was never greeted, or was dropped
        self._connection, self.up = None, False
        if not self._stopping:
            self.on_lost()
        if self._clock.seconds() - self._made > _LASTING:
            self._failures = 0
        self._failed(why)

    def _not_made(self, failure: Failure) -> Failure:
        """No server was found, or it can't be reached."""
        if isinstance(failure.value, Refused):  # by those who know where it is
            self._refused(failure.value)
        else:
            self._turned_away = False
            self._failed(failure.getErrorMessage())
        return failure

    def _failed(self, why: str) -> None:
        self._failures += 1
        if not self._stopping:
            self.health.lost(self, why)

    def _pause(self, attempt: int) -> float:
        return (TURNED_AWAY if self._turned_away else RECONNECT).pause(self._failures)

    async def _greet(self, connection: RedisConnection) -> None:
        try:
            await greet(connection, self._server.greeting, self._clock, SILENCE)
        except Exception as error:
            self._not_greeted(connection, error)
            return
        self._connection, self.up, self._greeted = connection, True, None
        self._made, self._turned_away = self._clock.seconds(), False
        self.health.up(self)
        try:
            self.on_up()
        except Exception:
            self._log.failure("a command that waited for the connection to Redis failed")
        waiting, self._waiting = self._waiting, {}
        for deferred, (words, blocking) in waiting.items():
            self.command(*words, blocking=blocking).addBoth(pass_on, deferred)

    def _not_greeted(self, connection: RedisConnection, error: Exception) -> None:
        self._greeted = None
        connection.transport.abortConnection()
        refusal = self._read_said(str(error)) if isinstance(error, txredisapi.ResponseError) else error
        if isinstance(refusal, Elsewhere):
            self._server.led_astray(str(refusal))
        if not isinstance(refusal, Refused):
            self._turned_away = False
            self._failed(
                "it does not answer" if isinstance(error, TimeoutError) else str(error) or repr(error)
            )
            return
        self._refused(refusal)

    def _refused(self, refusal: Refused) -> None:
        self._failures += 1
        self._turned_away = True
        self.on_refused(refusal)
