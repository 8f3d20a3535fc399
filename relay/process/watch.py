"""Puts together the watchdog of a worker: what it watches, and what it does."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relay.model.settings import Settings
    from relay.redis.address import Address
    from relay.store.partition import Partition
    from relay.worker.sight import Origins
    from relay.worker.watchdog import Lease
    from relay.worker.worker import Worker

STALLED = 70  # exit status of a worker that a handler blocked for good (EX_SOFTWARE)


def install(
    reactor: Any,
    worker: Worker,
    origins: Origins,
    partitions: Sequence[Partition],
    address: Address,
    settings: Settings,
    alive: Callable[[], None],
) -> None:
    """Start a thread that notices when a handler blocks the reactor. Call it in the reactor's thread.

    That thread calls `alive` now and then.
    """
    from relay.worker.sight import look
    from relay.worker.watchdog import Watchdog, WatchThread

    reactor_thread = threading.get_ident()
    watchdog = Watchdog(
        look=lambda: look(reactor_thread, origins),
        running=worker.held,
        lease=_lease(worker, partitions, address, settings.lease),
        lease_time=settings.lease,
        stall=settings.stall,
        seconds=time.monotonic,
        end=lambda: os._exit(STALLED),
        tell=partitions[0].events.stalled,
    )
    thread = WatchThread(watchdog, alive)
    reactor.callWhenRunning(thread.start, reactor)
    reactor.addSystemEventTrigger("during", "shutdown", thread.stop)


def _lease(worker: Worker, partitions: Sequence[Partition], address: Address, seconds: float) -> Lease:
    """That of its sessions, one in each partition."""
    from relay.store.renewal import Renewal, Renewals

    def of(partition: Partition) -> Renewal:
        session = worker.session(partition.keys.partition)
        return Renewal(address, partition.keys, seconds, lambda: (session.name, partition.epoch))

    leases = [(of(each), worker.session(each.keys.partition).holds) for each in partitions]
    return leases[0][0] if len(leases) == 1 else Renewals(leases)
