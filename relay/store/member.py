"""What the stores of fronts and of workers share: an inbox that is kept alive, and the sweep."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.problems.base import RelayError
from relay.store.durable import announce_late
from relay.store.given_back import given_back_of, log_given_back
from relay.store.messages import GivenBack, Sweep
from relay.store.parents import part_with_parents
from relay.store.partition import Partition
from relay.store.registering import registered
from relay.store.router import Router
from relay.store.shares import Shares
from relay.store.terms import StoreSettings

MOST_LETTERS = 10_000  # dead jobs
MOST_SWEEPS = 200  # in a row, while there is more to do at once
FORGET_SERVED = 86400.0  # seconds after which a job that no worker serves is forgotten
INBOX_TTL = 60.0  # seconds that an inbox outlives its last sweep, at least
ROUNDS = 4  # of sweeps that it outlives, at least
SILENCE = 2  # rounds of sweeps after which all of us were away, if none came


class MemberStore:
    """For the process that owns `inbox`."""

    _log = Logger()

    def __init__(self, router: Router, inbox: str, terms: StoreSettings) -> None:
        self.inbox = inbox
        self.on_data_loss = router.on_data_loss
        self.partitions = len(router.all())
        self._router = router
        #: milliseconds since the epoch by Redis' clock, about; 0 before the store was ever reached
        self.now = router.now if self.partitions > 1 else router.all()[0].now
        #: what each partition may take of what may live at once
        self.shares = Shares(router.all(), terms)
        self._terms = terms.of_each(len(router.all())).words()
        self._dead_keep = int(terms.dead_keep * 1000)
        self._lease = int(terms.lease * 1000)
        self._announcing: set[Partition] = set()

    def start(self) -> None:
        self._router.start()

    def stop(self) -> Deferred[Any]:
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        """A process that ends in good order is not told of as one that has fallen silent."""
        if any(partition.epoch for partition in self._router.all()):  # else nothing was told
            with suppress(RelayError):  # then it is forgotten after a minute
                await self.register(b"")
        await self._router.stop()

    async def register(self, told: bytes) -> None:
        """Say what operators are told of this process; nothing: it leaves."""
        await registered(self._router, self.inbox, told)

    async def check_room(self, partition: int = 0) -> None:
        """Raise `StoreAway` if a partition's Redis had no memory for a job that was submitted here, and has none
        yet."""
        found = self._router.all()[partition]
        if found.is_full:
            await found.check_writable()

    async def sweep(self, partition: int = 0) -> Sweep:
        """In one partition, keep the inbox alive, let time pass, give back what those held whose leases have ended."""
        swept = await self._sweep(self._router.all()[partition])
        log_given_back(swept.given_back, "its lease ended")
        return swept

    async def _sweep(self, partition: Partition) -> Sweep:
        """Again and again while there is more to do."""
        letters, silence = MOST_LETTERS // self.partitions, SILENCE * self.partitions * 1000
        terms = self._terms, self._lease, letters, self._dead_keep, int(FORGET_SERVED * 1000), silence
        ttl = int(max(INBOX_TTL, ROUNDS * self.partitions) * 1000)
        was_there, version, untold = None, 0, 0
        back: list[GivenBack] = []
        for nth in range(MOST_SWEEPS):
            begins = int(nth == 0)
            told = await partition.verb("sweep", self.inbox, ttl, begins, *terms)
            there, version, more, jobs, size, abroad, untold, *rows = told
            was_there = bool(there) if was_there is None else was_there
            self.shares.heard(partition, jobs, size)
            back += given_back_of(rows)
            if not more:
                break
        if untold:
            self._announce(partition)
        if abroad:
            await part_with_parents(self._router, partition, self._terms)
        return Sweep(bool(was_there), version, back)

    def _announce(self, partition: Partition) -> None:
        """Jobs have ended without being told of: their worker died, or nothing was durable. Sweeps go on meanwhile."""
        if partition in self._announcing:
            return
        self._announcing.add(partition)
        announcing = ensureDeferred(announce_late(partition, self._terms))
        announcing.addErrback(self._not_announced).addBoth(lambda _: self._announcing.discard(partition))

    def _not_announced(self, failure: Failure) -> None:
        """The next sweep tries again."""
        if not failure.check(RelayError, CancelledError):
            self._log.failure("ends of durable jobs could not be told", failure)
