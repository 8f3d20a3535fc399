"""A pattern subscription that comes back by itself; nothing is said of what was published in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import txredisapi
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.along import along
from relay.store.address import Address
from relay.store.health import Health
from relay.store.link import REFUSED_LIMIT, SILENCE, pause
from relay.store.refusal import Refused, read_refusal
from relay.store.wire import Reconnecting


class Subscription:
    """Calls `deliver` with each message's channel and text, and `on_up` each time that it has begun to listen."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        address: Address,
        pattern: str,
        deliver: Callable[[bytes, bytes], None],
        health: Health,
    ) -> None:
        self.address = address
        self.health = health
        self.pattern = pattern
        self.deliver = deliver
        self.clock: IReactorTime = reactor
        self.on_up: Callable[[], None] = lambda: None
        self._up: Deferred[None] = Deferred()
        self._failures = 0  # in a row
        self._service = Reconnecting(
            address.endpoint(reactor), _Subscribers(self), self._not_made, self._pause, reactor
        )

    def start(self) -> None:
        self._service.startService()

    def listening(self) -> Deferred[None]:
        """Fires once it listens; at once if it does."""
        return along(self._up)

    async def began(self, connection: Any) -> None:
        try:
            for words in (*self.address.greeting, ("PSUBSCRIBE", self.pattern)):
                await connection.execute_command(*words).addTimeout(SILENCE, self.clock)
        except Exception as error:
            connection.transport.abortConnection()
            self._not_begun(error)
            return
        self._failures = 0
        self.health.up(self)
        self._up.callback(None)
        self.on_up()

    def ended(self, why: str) -> None:
        """A connection is no longer there."""
        if self._up.called:
            self._up = Deferred()
            self._failed(why)

    def _not_begun(self, error: Exception) -> None:
        refusal = read_refusal(str(error)) if isinstance(error, txredisapi.ResponseError) else None
        if isinstance(refusal, Refused):
            self._failures += 1
            self.health.refused(refusal)
        else:
            self._failed(str(error) or repr(error))

    def _not_made(self, failure: Failure) -> Failure:
        self._failed(failure.getErrorMessage())
        return failure

    def _failed(self, why: str) -> None:
        self._failures += 1
        self.health.lost(self, why)

    def _pause(self, attempt: int) -> float:
        return pause(max(1, self._failures), REFUSED_LIMIT)


class _Subscriber(txredisapi.SubscriberProtocol):  # type: ignore[misc]
    def __init__(self, subscription: Subscription) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self._subscription = subscription

    def connectionMade(self) -> None:
        self.connected = 1
        ensureDeferred(self._subscription.began(self)).addErrback(
            lambda failure: Subscription._log.failure("a subscription failed", failure)
        )

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        try:
            super().dataReceived(data, unpause)
        except Exception as error:  # what it says is not Redis' protocol
            self._subscription.ended(f"what it says can't be read: {error}")
            self.transport.abortConnection()

    def messageReceived(self, pattern: Any, channel: bytes, message: bytes) -> None:
        try:
            self._subscription.deliver(channel, message)
        except Exception:  # else txredisapi would drop the connection
            Subscription._log.failure("a message could not be delivered")

    def connectionLost(self, why: Failure) -> None:
        self._subscription.ended(why.getErrorMessage())
        super().connectionLost(why)


class _Subscribers(Factory):
    noisy = False

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def buildProtocol(self, addr: Any) -> _Subscriber:
        return _Subscriber(self._subscription)
