"""Subscriptions to channels over one connection that comes back by itself; nothing is said of what was published in
between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import txredisapi
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.net.redis_protocol import why_lost
from relay.redis.connection import SILENCE, TURNED_AWAY
from relay.redis.health import Health
from relay.redis.refusal import Refused, read_refusal
from relay.redis.server import Server
from relay.redis.wire import Reconnecting
from relay.timing.fork import fork


class Subscription:
    """Calls `deliver` with each message's channel and text, and `on_up` each time that the connection was made anew and
    hears all channels again. `own` is heard always, so that the connection counts as a subscriber's."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        server: Server,
        own: str,
        deliver: Callable[[bytes, bytes], None],
        health: Health,
    ) -> None:
        self._server = server
        self.health = health
        self.deliver = deliver
        self.clock: IReactorTime = reactor
        self.on_up: Callable[[], None] = lambda: None
        self._own = own
        self._heard: dict[str, Deferred[None]] = {}  # channels, with a Deferred that fires once they are
        self._connection: _Subscriber | None = None  # one that was greeted
        self._failures = 0  # in a row
        self._service = Reconnecting(server, _Subscribers(self), self._not_made, self._pause, reactor)
        server.on_moved.append(self._moved)

    def start(self) -> None:
        self._service.startService()

    def stop(self) -> Deferred[None]:
        """Close the connection."""
        return self._service.stopService()

    def listen(self, channel: str) -> Deferred[None]:
        """Hear a channel from now on; fires once it is heard for the first time."""
        heard = self._heard.get(channel)
        if heard is None:
            heard = self._heard[channel] = Deferred()
            if self._connection is not None:
                self._subscribe(self._connection, channel)
        return fork(heard)

    def leave(self, channel: str) -> None:
        """Do not hear a channel any more."""
        if self._heard.pop(channel, None) is not None and self._connection is not None:
            self._connection.tell("UNSUBSCRIBE", channel).addErrback(
                lambda _: None
            )  # it went with its connection

    async def began(self, connection: _Subscriber) -> None:
        """The connection is made: greet the server, and subscribe to what is heard."""
        try:
            for words in (*self._server.greeting, ("SUBSCRIBE", self._own)):
                await connection.execute_command(*words).addTimeout(SILENCE, self.clock)
        except Exception as error:
            connection.transport.abortConnection()
            self._not_begun(error)
            return
        self._failures = 0
        self._connection = connection
        self.health.up(self)
        await gatherResults([self._subscribe(connection, channel) for channel in self._heard])
        if self._connection is connection:
            self.on_up()

    def _moved(self, why: str) -> None:
        """Listen to the server at its new place."""
        if self._connection is not None:
            self._connection.transport.abortConnection()

    def ended(self, connection: _Subscriber, why: str) -> None:
        """A connection is no longer there."""
        if self._connection is connection:
            self._connection = None
            self._failed(why)

    def _subscribe(self, connection: _Subscriber, channel: str) -> Deferred[None]:
        told = connection.tell("SUBSCRIBE", channel)
        return told.addCallbacks(
            self._is_heard,
            self._is_not_heard,
            callbackArgs=(channel,),
            errbackArgs=(connection,),
        )

    def _is_heard(self, _: Any, channel: str) -> None:
        heard = self._heard.get(channel)
        if heard is not None and not heard.called:
            heard.callback(None)

    def _is_not_heard(self, failure: Failure, connection: _Subscriber) -> None:
        """What is refused is asked for again by another connection."""
        if failure.check(txredisapi.ResponseError) and failure.value is not None:
            connection.transport.abortConnection()
            self._complain(failure.value)

    def _not_begun(self, error: Exception) -> None:
        if not self._complain(error):
            self._failed(str(error) or repr(error))

    def _complain(self, error: BaseException) -> bool:
        refusal = read_refusal(str(error)) if isinstance(error, txredisapi.ResponseError) else None
        if isinstance(refusal, Refused):
            self._failures += 1
            self.health.refused(refusal)
        return isinstance(refusal, Refused)

    def _not_made(self, failure: Failure) -> Failure:
        self._failed(failure.getErrorMessage())
        return failure

    def _failed(self, why: str) -> None:
        self._failures += 1
        self.health.lost(self, why)

    def _pause(self, attempt: int) -> float:
        return TURNED_AWAY.pause(self._failures)


class _Subscriber(txredisapi.SubscriberProtocol):  # type: ignore[misc]
    def __init__(self, subscription: Subscription) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self._subscription = subscription

    def tell(self, *words: str) -> Deferred[Any]:
        """A command, whose failure is in its Deferred."""
        try:
            told: Deferred[Any] = self.execute_command(*words)
        except Exception:
            told = Deferred()
            told.errback()
        return told

    def connectionMade(self) -> None:
        self.connected = 1
        ensureDeferred(self._subscription.began(self)).addErrback(
            lambda failure: Subscription._log.failure("a subscription failed", failure)
        )

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        try:
            super().dataReceived(data, unpause)
        except Exception as error:  # what it says is not Redis' protocol
            self._subscription.ended(self, f"what it says can't be read: {error}")
            self.transport.abortConnection()

    def messageReceived(self, pattern: Any, channel: bytes, message: bytes) -> None:
        try:
            self._subscription.deliver(channel, message)
        except Exception:  # else txredisapi would drop the connection
            Subscription._log.failure("a message could not be delivered")

    def connectionLost(self, why: Failure) -> None:
        self._subscription.ended(self, why_lost(why))
        super().connectionLost(why)


class _Subscribers(Factory):
    noisy = False

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def buildProtocol(self, addr: Any) -> _Subscriber:
        return _Subscriber(self._subscription)
