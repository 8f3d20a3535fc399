"""A pattern subscription that comes back by itself; nothing is said of what was published in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import txredisapi
from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from relay.along import along
from relay.store.address import Address
from relay.store.link import SILENCE, pause


class Subscription:
    """Calls `deliver` with each message's channel and text, and `on_up` each time that it has begun to listen."""

    _log = Logger()

    def __init__(
        self, reactor: Any, address: Address, pattern: str, deliver: Callable[[bytes, bytes], None]
    ) -> None:
        self.address = address
        self.pattern = pattern
        self.deliver = deliver
        self.clock: IReactorTime = reactor
        self.on_up: Callable[[], None] = lambda: None
        self._up: Deferred[None] = Deferred()
        self._service = ClientService(
            address.endpoint(reactor), _Subscribers(self), retryPolicy=pause, clock=reactor
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
            self._log.error("no subscription at {at}: {error}", at=self.address.shown, error=repr(error))
            connection.transport.loseConnection()
            return
        self._up.callback(None)
        self.on_up()

    def ended(self) -> None:
        if self._up.called:
            self._up = Deferred()


class _Subscriber(txredisapi.SubscriberProtocol):  # type: ignore[misc]
    def __init__(self, subscription: Subscription) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self._subscription = subscription

    def connectionMade(self) -> None:
        self.connected = 1
        ensureDeferred(self._subscription.began(self))

    def messageReceived(self, pattern: Any, channel: bytes, message: bytes) -> None:
        try:
            self._subscription.deliver(channel, message)
        except Exception:  # else txredisapi would drop the connection
            Subscription._log.failure("a message could not be delivered")

    def connectionLost(self, why: Any) -> None:
        self._subscription.ended()
        super().connectionLost(why)


class _Subscribers(Factory):
    noisy = False

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def buildProtocol(self, addr: Any) -> _Subscriber:
        return _Subscriber(self._subscription)
