"""Which server a link leads to: one that an address names, or one that is asked for before each connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IProtocol

from relay.net.resolver import forget
from relay.redis.address import Address
from relay.redis.cluster import Cluster
from relay.redis.mistakes import mistake
from relay.redis.sentinel import Sentinels
from relay.redis.server import Server, Topology

__all__ = ["OneServer", "Server", "Topology", "topology_of"]


class OneServer:
    """A server at a fixed address, which is a topology, too."""

    def __init__(self, reactor: Any, address: Address) -> None:
        self.shown = address.shown
        self.greeting = address.greeting
        self.on_moved: list[Callable[[str], None]] = []  # nobody calls them: it is where it is
        self._reactor = reactor
        self._address = address

    def connect(self, factory: Any) -> Deferred[IProtocol]:
        """Its name is looked up for each connection."""
        return ensureDeferred(self._connect(factory))

    async def _connect(self, factory: Any) -> IProtocol:
        try:
            connected: IProtocol = await self._address.endpoint(self._reactor).connect(factory)
            return connected
        except Exception:
            forget(self._reactor, self._address.host)
            raise

    def led_astray(self, said: str) -> None:
        """Its name may lead to another server by now."""
        forget(self._reactor, self._address.host)

    @property
    def replicas(self) -> int:
        """It is not replaced."""
        return 0

    def mistake(self, said: str) -> str:
        """Whether it is a server by itself."""
        return mistake(self._address, said)

    def server_of(self, key: str) -> Server:
        return self

    @property
    def is_sure(self) -> bool:
        """There is no other."""
        return True

    def start(self) -> None:
        """There is nothing to watch."""

    def stop(self) -> Deferred[None]:
        stopped: Deferred[None] = Deferred()
        stopped.callback(None)
        return stopped


def topology_of(reactor: Any, address: Address) -> Topology:
    """The topology that an address stands for."""
    if address.kind == "sentinel":
        return Sentinels(reactor, address, lambda each: each.endpoint(reactor))
    if address.kind == "cluster":
        return Cluster(reactor, address, lambda node: OneServer(reactor, address.server_at(*node)))
    return OneServer(reactor, address)
