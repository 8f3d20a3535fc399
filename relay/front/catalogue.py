"""The jobs that workers serve, as a front knows them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime

from relay.errors import NoWorker, UnknownJob
from relay.front.offer import Offer
from relay.store.store import Store


class Catalogue:
    """What can be submitted, kept as fresh as the last sweep; asked again before a name is refused."""

    def __init__(self, clock: IReactorTime, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._version = ("", -1)  # of which epoch
        self._offers: dict[str, Offer] = {}
        self._served_until: dict[str, float] = {}  # by our clock
        self._waiting: list[Deferred[None]] = []

    async def offer(self, name: str, held: bool) -> Offer:
        """The offer of this name; raises `UnknownJob`, and `NoWorker`: for one that will be waited for, and as long as
        no worker has come at all."""
        offer = self._offers.get(name)
        if offer is None or (held and self._is_overdue(name)):
            await self.refresh()
            offer = self._offers.get(name)
        if not self._offers:
            raise NoWorker("no worker has said yet what it serves")
        if offer is None:
            raise UnknownJob(f"no worker serves {name!r}")
        if held and self._is_overdue(name):
            raise NoWorker
        return offer

    async def hear(self, version: int) -> None:
        """A sweep told the store's version."""
        known = (self._store.partition.epoch, version) == self._version
        if not known or any(self._is_overdue(name) for name in self._offers):
            await self.refresh()

    def refresh(self) -> Deferred[None]:
        """Ask the store, once for all who want to know at the same time."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            ensureDeferred(self._refresh()).addBoth(self._refreshed)
        return waiting

    def _refreshed(self, result: Any) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(result)  # a Failure too is passed on

    async def _refresh(self) -> None:
        catalogue = await self._store.catalogue()
        version = (self._store.partition.epoch, catalogue.version)
        if version != self._version:
            # a store that was reset knows no jobs until workers have come back: it does not make ours unknown
            self._offers |= {name: Offer(served) for name, served in catalogue.jobs.items()}
            self._version = version
        now = self._clock.seconds()
        self._served_until |= {name: now - overdue for name, overdue in catalogue.overdue.items()}

    def _is_overdue(self, name: str) -> bool:
        return self._clock.seconds() > self._served_until.get(name, 0.0)
