"""What a child is handed by way of the sockets that lie between it, the one before it and the one after it."""

from __future__ import annotations

import socket
from typing import Any

import msgspec

from relay.process.spawned import Child, Handed


class Passing:
    """The sockets between a child, the one before it and the one after it, until the child has them."""

    def __init__(self, child: Child, former: Child | None, is_wanted: bool) -> None:
        self._child = child
        self._former = former
        self._is_wanted = is_wanted
        self._end: socket.socket | None = None

    def __enter__(self) -> Passing:
        if self._is_wanted:
            self._end, self._child.estate = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return self

    def add_to(self, descriptors: dict[int, Any], handed: Handed) -> Handed:
        """Give the child its ends, behind the descriptors that it has."""
        if self._end is None:
            return handed
        successor = max(descriptors) + 1
        descriptors[successor] = self._end.fileno()
        if self._former is None or self._former.estate is None:
            return msgspec.structs.replace(handed, successor=successor)
        descriptors[successor + 1] = self._former.estate.fileno()
        return msgspec.structs.replace(handed, successor=successor, predecessor=successor + 1)

    def __exit__(self, kind: Any, error: Any, where: Any) -> None:
        if self._end is not None:
            self._end.close()
        if error is None and self._former is not None:
            self._former.bequeath()


def hung(descriptors: dict[int, Any], handed: Handed, board: int) -> Handed:
    """Give a child the board on which it tells of itself, behind the descriptors that it has."""
    its = max(descriptors) + 1
    descriptors[its] = board
    return msgspec.structs.replace(handed, board=its)
