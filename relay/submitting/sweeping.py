"""Sweeps: one partition of the store after the other, so that what a process costs does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from zlib import crc32

from twisted.internet.defer import Deferred, gatherResults

from relay.model.problems.base import RelayError
from relay.store.inbox import Inbox
from relay.store.messages import Sweep
from relay.store.submitters import SubmitterStore
from relay.submitting.recovery import Recovery

_LONG = 3  # sweeps of a partition that are missed in a row, after which our inbox may have gone


class Sweeping:
    """Of one process. What a partition has lost of its inbox is repaired. `then` is called with each partition that was
    swept, and may raise `RelayError`, too; `missed` with one that was not, and why."""

    def __init__(
        self,
        store: SubmitterStore,
        inbox: Inbox,
        recovery: Recovery,
        then: Callable[[int, Sweep], Coroutine[Any, Any, None]] | None = None,
        missed: Callable[[int, RelayError], None] = lambda partition, error: None,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._recovery = recovery
        self._then = then
        self._missed = missed
        self._without: set[int] = {*range(store.partitions)}  # the partitions that may not have our inbox
        self._unsure: set[int] = set()  # of these, where a sweep without an answer may have made it
        self._misses: dict[int, int] = {}  # in a row, by partition
        self._next = crc32(store.inbox.encode()) % store.partitions  # processes begin with different ones
        store.on_data_loss.append(self._without.add)

    async def sweep(self) -> None:
        """Sweep the partition whose turn it is. Of the others those where our inbox is not: what ends there would not
        be heard of."""
        due = {self._next}
        if self._without:
            due |= self._without.intersection(self._store.up())
        self._next = (self._next + 1) % self._store.partitions
        await gatherResults([Deferred.fromCoroutine(self._sweep(partition)) for partition in due])

    async def _sweep(self, partition: int) -> None:
        try:
            swept = await self._swept(partition)
            self._inbox.expect(partition)
            may_have_lost = not swept.there or partition in self._unsure  # what was written into it
            if may_have_lost and self._recovery.is_needed(partition):
                self._recovery.soon(partition)
            self._is_there(partition)
            if self._then is not None:
                await self._then(partition, swept)
        except RelayError as error:  # its next sweep finds a store that answers, or another epoch
            self._missed(partition, error)

    async def _swept(self, partition: int) -> Sweep:
        try:
            return await self._store.sweep(partition)
        except Exception:
            self._not_swept(partition)
            raise

    def _is_there(self, partition: int) -> None:
        """Our inbox is in this partition, and what was lost of it is repaired."""
        self._without.discard(partition)
        self._unsure.discard(partition)
        self._misses.pop(partition, None)

    def _not_swept(self, partition: int) -> None:
        """A sweep has failed, and may have been carried out: then the next one finds an inbox that was not there
        before."""
        misses = self._misses[partition] = self._misses.get(partition, 0) + 1
        if misses >= _LONG:
            self._without.add(partition)
        if partition in self._without:
            self._unsure.add(partition)
