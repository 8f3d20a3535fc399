"""Attempts with credentials that are not valid, counted for each address, so that guessing costs relay little."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from relay.model.problems.caller import TooManyFailures
from relay.model.tally import Tally

MOST = 20  # failed attempts of one address at once
UNFINISHED = 100  # attempts of one address that are looked into at once
LONGEST_BAR = 60.0  # seconds for which an address is barred, however many attempts have failed
PAUSE = 1.0  # seconds after which another one is let through
_MOST_REMEMBERED = 10_000  # addresses; the one that failed longest ago is forgotten first
_NETWORK = 64  # bits of an IPv6 address that one subscriber has


class Failures:
    """Each address has `MOST` attempts that fail, and another one each `PAUSE` seconds; `UNFINISHED` at once."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        #: by address, until when its attempts are paid for
        self._paid: OrderedDict[str, float] = OrderedDict()
        self._unfinished = Tally()  # by address

    def failed(self, address: str) -> None:
        """An attempt from this address has failed."""
        source = source_of(address)
        now = self._now()
        paid = max(now, self._paid.get(source, 0.0)) + PAUSE
        self._paid[source] = min(paid, now + MOST * PAUSE + LONGEST_BAR)
        self._paid.move_to_end(source)
        if len(self._paid) > _MOST_REMEMBERED:
            self._paid.popitem(last=False)

    @contextmanager
    def attempt(self, address: str) -> Iterator[None]:
        """The body of a ``with`` finds out whether credentials are valid. Raises `TooManyFailures` where too many
        attempts from this address have failed, or are looked into."""
        self.check(address)
        source = source_of(address)
        if self._unfinished.of(source) >= UNFINISHED:
            raise TooManyFailures
        self._unfinished.add(source)
        try:
            yield
        finally:
            self._unfinished.drop(source)

    def check(self, address: str) -> None:
        """Raise `TooManyFailures` where too many attempts from this address have failed."""
        if not self._paid:
            return
        wait = self._paid.get(source_of(address), 0.0) - self._now() - (MOST - 1) * PAUSE
        if wait > 0:
            raise TooManyFailures(seconds=wait)


@lru_cache(maxsize=1000)
def source_of(address: str) -> str:
    """Whom an address stands for: all that one subscriber can have, which with IPv6 is a network."""
    try:
        parsed = ip_address(address)
    except ValueError:  # of a unix socket, or unknown
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> (128 - _NETWORK) << (128 - _NETWORK)))
    return address
