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
        self._next = crc32(store.inbox.encode()) % store.partitions  # processes begin with different ones
        self._has_begun = False
        store.on_data_loss.append(self._without.add)

    async def sweep(self) -> None:
        """Sweep the partition whose turn it is. Of the others those where our inbox is not: what ends there would not
        be heard of."""
        due = {self._next}
        if self._without:
            due |= self._without.intersection(self._store.up())
        self._next = (self._next + 1) % self._store.partitions
        first, self._has_begun = not self._has_begun, True
        await gatherResults([Deferred.fromCoroutine(self._sweep(partition, first)) for partition in due])

    async def _sweep(self, partition: int, first: bool) -> None:
        """`first`: nothing can have been submitted from here before."""
        try:
            swept = await self._store.sweep(partition)
            self._inbox.expect(partition)
            self._without.discard(partition)
            if not (swept.there or first):  # what was written into it is lost
                self._recovery.soon(partition)
            if self._then is not None:
                await self._then(partition, swept)
        except RelayError as error:  # its next sweep finds a store that answers, or another epoch
            self._missed(partition, error)
