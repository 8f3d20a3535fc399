"""Which server a link leads to, as links and their owners see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol


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

    @property
    def replicas(self) -> int:
        """How many replicas could take its place, as far as is known; 0 where no other server would."""
        return 0

    def mistake(self, said: str) -> str:
        """What is wrong with the address where a server refuses in these words; "" where nothing is known to be."""
        return ""

    def led_astray(self, said: str) -> None:
        """The server that was found says that another one is to be asked (`Elsewhere`), in these words."""


class Topology(Protocol):
    """The servers that an address stands for. Each process has one, shared by all of its links."""

    shown: str
    """The address, without secrets, for the log."""

    def server_of(self, key: str) -> Server:
        """The server that has this key, and all keys with the same hash tag."""

    @property
    def is_sure(self) -> bool:
        """Whether no other server can have taken the place of one that answers, without a word to this process."""

    def start(self) -> None:
        """Watch where the servers are."""

    def stop(self) -> Deferred[None]: ...
