"""Names that are kept for a while."""

from __future__ import annotations


class Lately(set[str]):
    """Those that were added since the last `forget` but one."""

    def __init__(self) -> None:
        super().__init__()
        self._new: set[str] = set()  # since the last one

    def add(self, name: str) -> None:
        """Keep a name until the next `forget` but one."""
        super().add(name)
        self._new.add(name)

    def forget(self) -> None:
        """Forget those that were old already."""
        self.intersection_update(self._new)
        self._new = set()
