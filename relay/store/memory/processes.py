"""What processes of the store in memory have told of themselves."""

from __future__ import annotations

from collections.abc import Callable

SILENT = 60_000  # ms after which one that tells nothing is forgotten


class Processes:
    """By their names."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._told: dict[str, tuple[int, bytes]] = {}

    def register(self, name: str, told: bytes) -> None:
        """A process tells of itself; nothing: it leaves."""
        self._told[name] = self._now(), told
        if not told:
            del self._told[name]

    def all(self) -> list[tuple[str, int, bytes]]:
        """Name, when it told that (ms), and what."""
        self._told = {name: told for name, told in self._told.items() if told[0] > self._now() - SILENT}
        return [(name, *self._told[name]) for name in sorted(self._told)]
