"""Counts the clients of a front, in all and from each address. A client above the limit is disconnected at once, so
that descriptors are always left for Redis."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from relay.http.forwarding import UNIX
from relay.model.tally import Tally

REMIND = 60.0  # seconds between log lines that clients are turned away


class Doors:
    """Counts clients: `most` in all, `most_of_one` from one address, 0 for no limit. The limit for one address does not
    apply to trusted proxies and to Unix sockets, because they stand for many clients."""

    _log = Logger()

    def __init__(
        self, now: Callable[[], float], most: int, most_of_one: int, is_proxy: Callable[[str], bool]
    ) -> None:
        self._now = now
        self._most = most
        self._most_of_one = most_of_one
        self._is_proxy = is_proxy
        self._count = 0
        self._by_address = Tally()
        self._told = -REMIND

    def __len__(self) -> int:
        return self._count

    def enter(self, address: str) -> bool:
        """Whether another client from this address is admitted. If so, call `leave` when it has gone."""
        here = self._by_address.of(address)
        if self._count >= self._most:
            return self._full("{most} clients are connected", self._most)
        if self._most_of_one and here >= self._most_of_one and not self._is_many(address):
            return self._full("{most} clients are connected from one address, {address}", here, address)
        self.admit(address)
        return True

    def admit(self, address: str) -> None:
        """Admit a client that another front had admitted, however many there are. Call `leave` when it has gone."""
        self._count += 1
        self._by_address.add(address)

    def leave(self, address: str) -> None:
        """The connection of an admitted client has closed."""
        self._count -= 1
        self._by_address.drop(address)

    def _is_many(self, address: str) -> bool:
        return address == UNIX or self._is_proxy(address)

    def _full(self, why: str, most: int, address: str = "") -> bool:
        if self._now() - self._told >= REMIND:
            self._told = self._now()
            self._log.warn(why + "; others are turned away", most=most, address=address)
        return False


class TurnedAway(Protocol):
    """Closes at once."""

    def connectionMade(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]
