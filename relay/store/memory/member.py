"""What the stores of fronts and of workers share in memory: an inbox that is kept alive, and the sweep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from relay.store.given_back import log_given_back
from relay.store.memory.dataset import DataSet
from relay.store.memory.store import MemoryStore
from relay.store.messages import Sweep


class MemoryMember:
    """For the process that owns `inbox`."""

    def __init__(self, store: MemoryStore, inbox: str) -> None:
        self.inbox = inbox
        self.store = store
        self.on_data_loss = store.on_data_loss
        self.partitions = 1
        #: milliseconds by the store's clock
        self.now: Callable[[], float] = lambda: float(self.data.now())

    @property
    def data(self) -> DataSet:
        """The present data set."""
        return self.store.data

    def start(self) -> None: ...

    def stop(self) -> Deferred[Any]:
        return ensureDeferred(self.register(b""))

    async def register(self, told: bytes) -> None:
        """Say what operators are told of this process; nothing: it leaves."""
        self.store.processes.register(self.inbox, told)

    async def check_room(self, partition: int = 0) -> None: ...

    async def sweep(self, partition: int = 0) -> Sweep:
        """Keep the inbox alive, let time pass, give back what those held whose leases have ended."""
        was_there = self.store.post.keep_alive(self.inbox)
        self.data.pass_time()
        back = self.store.sessions.reap_late()
        log_given_back(back, "its lease ended")
        self.data.forget_letters()
        self.data.served.forget()
        return Sweep(was_there, self.data.served.version, back)
