"""Which server a link leads to: one that an address names, or one that is asked for before each connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol

from relay.redis.address import Address


class Server(Protocol):
    """Where links lead that need the keys of one slot. It is found anew for each connection."""

    shown: str
    """Where it is, without secrets, for the log."""
    on_moved: list[Callable[[str], None]]
    """Each is called with the reason when connections that were made before lead to the wrong server now."""

    @property
    def greeting(self) -> Sequence[tuple[Any, ...]]:
        """The commands that open a connection."""

    def connect(self, factory: Any) -> Deferred[IProtocol]:
        """Find the server and connect there (as `IStreamClientEndpoint.connect`)."""

    def led_astray(self, said: str) -> None:
        """The server that was found says that another one is to be asked (`Elsewhere`), in these words."""


class Topology(Protocol):
    """The servers that an address stands for. Each process has one, shared by all of its links."""

    shown: str
    """The address, without secrets, for the log."""

    def server_of(self, key: str) -> Server:
        """The server that has this key, and all keys with the same hash tag."""

    def start(self) -> None:
        """Watch where the servers are."""

    def stop(self) -> Deferred[None]: ...


class OneServer:
    """A server at a fixed address, which is a topology, too."""

    def __init__(self, reactor: Any, address: Address) -> None:
        self.shown = address.shown
        self.greeting = address.greeting
        self.on_moved: list[Callable[[str], None]] = []  # nobody calls them: it is where it is
        self._reactor = reactor
        self._address = address

    def connect(self, factory: Any) -> Deferred[IProtocol]:
        connected: Deferred[IProtocol] = self._address.endpoint(self._reactor).connect(factory)
        return connected

    def led_astray(self, said: str) -> None:
        """Its name may lead to another server by now."""

    def server_of(self, key: str) -> Server:
        return self

    def start(self) -> None:
        """There is nothing to watch."""

    def stop(self) -> Deferred[None]:
        stopped: Deferred[None] = Deferred()
        stopped.callback(None)
        return stopped


def topology_of(reactor: Any, address: Address) -> Topology:
    """The topology that an address stands for."""
    return OneServer(reactor, address)
