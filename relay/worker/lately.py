"""Names that are kept for a while."""

from __future__ import annotations


class Lately:
    """Those that were added since the last `forget` but one."""

    def __init__(self) -> None:
        self._new: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._new or name in self._old

    def add(self, name: str) -> None:
        """Keep a name until the next `forget` but one."""
        self._new.add(name)

    def forget(self) -> None:
        """Forget those that were old already."""
        self._old, self._new = self._new, set()
