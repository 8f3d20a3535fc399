"""A slot of a Cluster that is moved to another master key by key, as resharding tools do it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import valkey

from tests.topologies.node import Node

_PATIENCE = 5000  # milliseconds for a key


class Move:
    """The slot is migrating here and importing there, from `begin` to `settle`."""

    def __init__(self, slot: int, source: Node, target: Node, masters: Iterable[Node]) -> None:
        self.slot = slot
        self.source = source
        self.target = target
        self._others = [node for node in masters if node not in (source, target)]

    def begin(self) -> None:
        self.target.ask("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self._id(self.source))
        self.source.ask("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self._id(self.target))

    def _id(self, node: Node) -> str:
        found: str = node.ask("CLUSTER", "MYID").decode()
        return found

    @property
    def left(self) -> int:
        """Keys of the slot that have not moved."""
        return int(self.source.ask("CLUSTER", "COUNTKEYSINSLOT", self.slot))

    def carry(self, count: int = 1 << 30, pause: float = 0.0, at_once: int = 1) -> None:
        """Move up to so many keys, some `at_once`, with a pause of some seconds after these."""
        waiting = threading.Event()
        while count > 0:
            keys = self.source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, min(count, at_once))
            if not keys:
                return
            words = self.target.host.address, self.target.port, "", 0, _PATIENCE
            self.source.ask("MIGRATE", *words, "KEYS", *keys)
            count -= len(keys)
            waiting.wait(pause)

    def half(self, pause: float = 0.0, at_once: int = 1) -> None:
        """Begin, and move half of the keys."""
        self.begin()
        self.carry(max(1, self.left // 2), pause, at_once)

    def settle(self) -> None:
        """The slot is the target's, and all know it."""
        for node in (self.target, self.source, *self._others):
            try:
                node.ask("CLUSTER", "SETSLOT", self.slot, "NODE", self._id(self.target))
            except valkey.exceptions.ResponseError as refused:
                raise AssertionError(f"{node}: {refused}") from refused

    def finish(self, pause: float = 0.0, at_once: int = 1) -> None:
        """Move what is left, and settle."""
        self.carry(pause=pause, at_once=at_once)
        self.settle()
