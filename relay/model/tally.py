"""How many there are by each name; a name of which there is none takes up nothing."""

from __future__ import annotations


class Tally:
    """Counts."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def of(self, name: str) -> int:
        """How many there are."""
        return self._counts.get(name, 0)

    def add(self, name: str) -> None:
        """There is one more."""
        self._counts[name] = self._counts.get(name, 0) + 1

    def drop(self, name: str) -> None:
        """There is one less. Raises `KeyError` where there is none."""
        left = self._counts.pop(name) - 1
        if left:
            self._counts[name] = left
