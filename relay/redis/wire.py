"""Redis' protocol with bytes in and bytes out, over a connection that is made again whenever it is lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from relay.net.eager import eager_write
from relay.net.private import QuietClientService, read_directly
from relay.net.redis_protocol import RedisProtocol, why_lost


class ConnectionOwner(Protocol):
    """Who is told of a connection's coming and going."""

    def made(self, connection: Any) -> None: ...

    def lost(self, connection: Any, why: str) -> None: ...


class Connects(Protocol):
    """Connects to a server (as `IStreamClientEndpoint`)."""

    def connect(self, factory: Any) -> Deferred[IProtocol]: ...


class RedisConnection(RedisProtocol):
    """One connection. A server that does not keep to the protocol loses it."""

    def __init__(self, owner: ConnectionOwner) -> None:
        super().__init__()
        self._owner = owner

    def makeConnection(self, transport: Any) -> None:
        read_directly(transport, self)
        super().makeConnection(EagerTransport(transport))

    def connectionMade(self) -> None:
        super().connectionMade()
        self._owner.made(self)

    def misread(self, error: Exception) -> None:
        """No reply can be told from the next any more."""
        self._owner.lost(self, f"what it says can't be read: {error}")
        self.transport.abortConnection()

    def connectionLost(self, why: Failure) -> None:
        self._owner.lost(self, why_lost(why))
        super().connectionLost(why)


class ProtocolFactory(Factory):
    """Makes the protocol of each connection."""

    noisy = False

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner

    def buildProtocol(self, addr: IAddress | None) -> RedisConnection:
        return RedisConnection(self._owner)


class EagerTransport:
    """A transport that writes at once what fits; Twisted's own waits for the next turn of its loop."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        #: called with bytes
        self.write = partial(eager_write, transport)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Reconnecting(QuietClientService):
    """Connects, and connects again after `pause`. It logs nothing itself: `failed` is told why a connection could not
    be made, and hands the failure on."""

    def __init__(
        self,
        endpoint: Connects,
        factory: Factory,
        failed: Callable[[Failure], Failure],
        pause: Callable[[int], float],
        clock: IReactorTime,
    ) -> None:
        super().__init__(_Watched(endpoint, failed), factory, retryPolicy=pause, clock=clock)


@implementer(IStreamClientEndpoint)
class _Watched:
    def __init__(self, endpoint: Connects, failed: Callable[[Failure], Failure]) -> None:
        self._endpoint = endpoint
        self._failed = failed

    def connect(self, factory: Any) -> Deferred[IProtocol]:
        return maybeDeferred(self._endpoint.connect, factory).addErrback(self._failed)
