"""The partitions of a store, and which of them has what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from zlib import crc32

from twisted.internet.defer import Deferred, gatherResults

from relay.redis.topology import Server, Topology
from relay.store.partition import Partition
from relay.store.placing import pin_of_scope


class Router:
    """Finds the partition of a job, of a key and of a limit. Starts and stops all of them."""

    def __init__(self, partitions: Sequence[Partition], topology: Topology | None = None) -> None:
        self._topology = topology
        self._partitions = tuple(partitions)
        self._by_number = {str(partition.keys.partition): partition for partition in partitions}
        #: each is called with the number of a partition that may have lost data
        self.on_data_loss: list[Callable[[int], None]] = []
        for partition in partitions:
            partition.on_data_loss = self.on_data_loss
        for partition in partitions[1:]:
            partition.learn_from(partitions[0])

    def now(self) -> float:
        """Milliseconds since the epoch by Redis' clock, about: by that of the first partition that was ever reached; 0
        before."""
        return next((now for partition in self._partitions if (now := partition.now())), 0.0)

    def all(self) -> tuple[Partition, ...]:
        """Every partition."""
        return self._partitions

    def server_of(self, partition: Partition) -> Server:
        """Where links to a partition lead."""
        assert self._topology is not None, "it was made with one"
        return self._topology.server_of(partition.keys.tag)

    def of_id(self, id: str) -> Partition:
        """The partition that a job id names; the first one where it names none, because no partition knows that job."""
        return self._by_number.get(id.partition("-")[0], self._partitions[0])

    def of_key(self, key: str) -> Partition:
        """The partition of what is known by this name: see `relay.store.placing`."""
        return self._partitions[crc32(key.encode()) % len(self._partitions)]

    def by_id(self, ids: Iterable[str]) -> dict[Partition, list[str]]:
        """Job ids by their partitions."""
        return _grouped(self.of_id, ids)

    def of_scope(self, scope: str) -> Partition:
        """The partition in which a limit is counted."""
        return self.of_key(pin_of_scope(scope))

    def by_scope(self, scopes: Iterable[str]) -> dict[Partition, list[str]]:
        """Scopes of limits by their partitions."""
        return _grouped(self.of_scope, scopes)

    @property
    def is_sure(self) -> bool:
        """Whether what a partition does not know can't be known to a server that has taken its place."""
        return self._topology is None or self._topology.is_sure

    def start(self) -> None:
        """Connect to all of them, again and again."""
        if self._topology is not None:
            self._topology.start()
        for partition in self._partitions:
            partition.start()

    def stop(self) -> Deferred[Any]:
        """Let go of all of them."""
        stopped = [partition.stop() for partition in self._partitions]
        return gatherResults(stopped if self._topology is None else [*stopped, self._topology.stop()])


def _grouped(of: Callable[[str], Partition], names: Iterable[str]) -> dict[Partition, list[str]]:
    groups: dict[Partition, list[str]] = {}
    for name in names:
        groups.setdefault(of(name), []).append(name)
    return groups
