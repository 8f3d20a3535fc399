"""The jobs that workers serve, as a front knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.model.problems.base import RelayError
from relay.model.problems.registry import ProblemType
from relay.model.problems.request import NoWorker, UnknownJob
from relay.store import messages
from relay.store.fronts import FrontStore
from relay.store.messages import JobDefinition
from relay.submitting.offer import Offer

LOOK = 5.0  # seconds between looks for workers that are gone
RETURN = 60.0  # seconds for workers to come back to a store that was reset


class Entry:
    """The declaration of a name: an offer, or something that this front can't read, which it logs once."""

    _log = Logger()

    def __init__(self, name: str, text: bytes) -> None:
        self.text = text
        self.offer: Offer | None = None
        try:
            served = msgspec.json.decode(text, type=JobDefinition)
            if served.name != name:
                raise ValueError(f"it declares {served.name!r}")
            self.offer = Offer(served)
        except (
            Exception
        ) as error:  # of a worker of another version, or of another hand: others are not to suffer
            self._log.error("the declaration of job {name} can't be read: {error}", name=name, error=error)


class PublishedThere(NamedTuple):
    """What one partition has: of which epoch, which version, how each name is declared, and until when (by our clock)
    a worker has promised to be there for it."""

    epoch: str
    version: int
    declared: Mapping[str, bytes]
    until: Mapping[str, float]


class Catalogue:
    """The jobs that can be submitted, as of the last sweep. The store is asked again before a name is refused.

    Workers publish in each partition, and one that can be reached is enough. Where two differ, the one counts for which
    a worker has promised to be there longer: the other was away when its worker spoke."""

    def __init__(self, clock: IReactorTime, store: FrontStore) -> None:
        self._clock = clock
        self._store = store
        self._there: dict[int, PublishedThere] = {}  # by partition
        self._looked = 0.0  # when the store was asked last
        self._entries: dict[str, Entry] = {}
        self._absent: dict[str, float] = {}  # since a partition was reset: until when each is still known
        self._served_until: dict[str, float] = {}  # by our clock
        #: whether a worker served anything, when the store was asked last
        self.is_served = False
        #: rises with each change of what is declared
        self.changes = 0
        self._waiting: list[Deferred[None]] = []

    def known(self, name: str, held: bool, local: bool) -> Offer | RelayError:
        """What `offer` returns, or raises, as far as that is known without asking the store."""
        entry = self._entries.get(name)
        if entry is None:
            return _not_served(name) if self._entries else NoWorker("no worker has registered yet")
        offer = entry.offer
        if offer is None:
            return NoWorker("the declaration of this job can't be read; the front's log says why")
        if not offer.is_for(local):
            return _not_served(name)
        return NoWorker() if held and self._is_overdue(name) else offer

    async def offer(self, name: str, held: bool, local: bool) -> Offer:
        """The offer of this name, for a client on this machine (`local`) or elsewhere. Raises `UnknownJob`. Raises
        `NoWorker` if no worker has served a job that will be waited for (`held`), if its declaration can't be read, and
        until the first worker has registered."""
        if name not in self._entries or (held and self._is_overdue(name)):
            await self.refresh()
        known = self.known(name, held, local)
        if isinstance(known, RelayError):
            raise known
        return known

    def shown(self, local: bool) -> list[Offer]:
        """The offers that a client on this machine (`local`) or elsewhere may know of, by name. An offer is the same
        object as long as its declaration is the same."""
        known = (entry.offer for _, entry in sorted(self._entries.items()))
        return [offer for offer in known if offer is not None and offer.is_for(local)]

    def problem_type(self, slug: str) -> ProblemType | None:
        """A type of problem that the handler of a job declares; None if no known job declares it."""
        for _, entry in sorted(self._entries.items()):
            for declared in entry.offer.served.problems if entry.offer is not None else ():
                if declared.slug == slug:
                    return declared
        return None

    async def hear(self, version: int, partition: int = 0) -> None:
        """A sweep told the version that a partition has."""
        is_due = self._clock.seconds() - self._looked >= LOOK  # a name may be overdue for a day
        if self._absent or (is_due and any(self._is_overdue(name) for name in self._entries)):
            await self.refresh()
        there = self._there.get(partition)
        if there is None or there[:2] != (self._store.epoch_of(partition), version):
            await self._read(partition)

    def refresh(self) -> Deferred[None]:
        """Ask the store, once for all calls at the same time."""
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
        self._looked = self._clock.seconds()
        reading = [Deferred.fromCoroutine(self._read(partition)) for partition in self._store.up()]
        answers: list[tuple[bool, Any]] = await DeferredList(reading, consumeErrors=True)
        failures = [failure for is_read, failure in answers if not is_read]
        for failure in failures:
            if len(failures) == len(answers) or not failure.check(RelayError):
                failure.raiseException()

    async def _read(self, partition: int) -> None:
        catalogue = await self._store.catalogue(partition)
        self._replace(catalogue, self._store.epoch_of(partition), partition)

    def _replace(self, catalogue: messages.Definitions, epoch: str, partition: int) -> None:
        now, before = self._clock.seconds(), self._there.get(partition)
        if (
            before is not None and epoch != before.epoch
        ):  # it knows none until their workers have come back to it
            self._absent = dict.fromkeys((*self._absent, *before.declared), now + RETURN)
        until = {name: now - overdue for name, overdue in catalogue.overdue.items()}
        self._there[partition] = PublishedThere(epoch, catalogue.version, catalogue.declared, until)
        declared, until = self._together()
        self._absent = {
            name: until for name, until in self._absent.items() if until > now and name not in declared
        }
        kept = {name: self._entries[name] for name in self._absent}
        entries = kept | {name: self._entry(name, text) for name, text in declared.items()}
        self.changes += entries != self._entries
        self._entries = entries
        self._served_until = {name: self._served_until.get(name, 0.0) for name in kept} | until
        self.is_served = any(until > now for until in self._served_until.values())

    def _together(self) -> tuple[Mapping[str, bytes], dict[str, float]]:
        """What the partitions have in all."""
        declared: dict[str, bytes] = {}
        until: dict[str, float] = {}
        for there in self._there.values():
            for name, text in there.declared.items():
                promised = there.until.get(name, 0.0)
                if name not in declared or promised > until[name]:
                    declared[name], until[name] = text, promised
        return declared, until

    def _entry(self, name: str, text: bytes) -> Entry:
        known = self._entries.get(name)
        return known if known is not None and known.text == text else Entry(name, text)

    def _is_overdue(self, name: str) -> bool:
        return self._clock.seconds() > self._served_until.get(name, 0.0)


def _not_served(name: str) -> UnknownJob:
    return UnknownJob(f"no worker serves {name!r} for this caller")
