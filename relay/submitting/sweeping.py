"""Sweeps: one partition of the store after the other, so that what a process costs does not grow with their number."""

from __future__ import annotations

from zlib import crc32

from relay.store.inbox import Inbox
from relay.store.messages import Sweep
from relay.store.submitters import SubmitterStore
from relay.submitting.recovery import Recovery


class Sweeping:
    """Of one process. What a partition has lost of its inbox is repaired."""

    def __init__(self, store: SubmitterStore, inbox: Inbox, recovery: Recovery) -> None:
        self._store = store
        self._inbox = inbox
        self._recovery = recovery
        self._joined: set[int] = set()  # the partitions where our inbox was ever there
        #: the partition that is swept next. Processes begin with different ones
        self.next = crc32(store.inbox.encode()) % store.partitions

    async def sweep(self) -> Sweep:
        """Sweep the partition whose turn it is. Raises `RelayError` where it does not answer."""
        number, self.next = self.next, (self.next + 1) % self._store.partitions
        swept = await self._store.sweep(number)
        self._inbox.expect(number)
        if not swept.there and number in self._joined:  # what was written into it is lost
            self._recovery.soon(number)
        self._joined.add(number)
        return swept
