"""What the children of ``relay all`` tell their supervisor of themselves, each on a board of its own: a file without a
name that both have open. It is there while Redis is away, and costs a child one write a second.

The child writes length, checksum and text at once; a reader that comes in between meets a checksum that is wrong, and
goes by what it read before.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
from collections.abc import Callable
from zlib import crc32

from relay.telemetry.snapshot import Snapshot, decode

_HEAD = struct.Struct("<II")  # bytes of the text, and its checksum
LARGEST = 16 << 20  # bytes of a text: the largest that a process tells has a tenth of it
KEPT = 60.0  # seconds for which the last words of a process that has ended are kept


def make() -> int:
    """The descriptor of a new board."""
    if sys.platform == "linux":
        return os.memfd_create("relay board")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write(board: int, told: bytes) -> None:
    """Write on a board, over what was there."""
    os.pwrite(board, _HEAD.pack(len(told), crc32(told)) + told, 0)


def read(board: int) -> bytes:
    """What stands on a board; b"" for one that is empty, damaged, or is being written on."""
    length, checksum = _HEAD.unpack(os.pread(board, _HEAD.size, 0).ljust(_HEAD.size, b"\0"))
    if length > LARGEST:
        return b""
    told = os.pread(board, length, _HEAD.size)
    return told if crc32(told) == checksum else b""


class Boards:
    """All boards of a supervisor, by the names of their processes; `now` is in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._open: dict[str, int] = {}
        self._last: dict[
            str, tuple[Snapshot, float]
        ] = {}  # and until when it is kept, 0 while its process runs

    def make(self, name: str) -> int:
        """The descriptor of a new board for a process."""
        self._open[name] = made = make()
        return made

    def hang(self, name: str, board: int) -> None:
        """A process has a board already, -1 for none."""
        if board >= 0:
            self._open[name] = board

    def take_down(self, name: str) -> None:
        """A process has ended: keep its last words for a while."""
        if name in self._open:
            self._read(name, self._now() + KEPT)
            os.close(self._open.pop(name))

    def snapshots(self) -> list[Snapshot]:
        """What all of them told last, those included that have ended lately."""
        for name in self._open:
            self._read(name, 0.0)
        now = self._now()
        self._last = {name: last for name, last in self._last.items() if not last[1] or last[1] > now}
        return [snapshot for snapshot, _ in self._last.values()]

    def _read(self, name: str, until: float) -> None:
        told = read(self._open[name])
        found = decode(told) if told else None
        if found is None and name in self._last:
            found = self._last[name][0]
        if found is not None:
            self._last[name] = found, until
