"""Names and queues of the store in memory of which nothing begins."""

from __future__ import annotations

from collections.abc import Callable

from relay.store.memory.served import Declarations


class Stopped:
    """As operators have said: since when (ms), by ``name NAME`` or ``queue QUEUE``."""

    def __init__(self, now: Callable[[], int], served: Declarations) -> None:
        self._now = now
        self._served = served
        self.all: dict[str, int] = {}

    def stop(self, what: str, on: bool) -> bool:
        """No job of it begins any more, or again; whether that was not so already."""
        if (what in self.all) is on:
            return False
        if on:
            self.all[what] = self._now()
        else:
            del self.all[what]
        return True

    def since(self, name: str) -> int:
        """Since when no job of this name begins, 0 where they do."""
        queue = self._served.queue(name) if self.all else ""
        return self.all.get(f"name {name}") or self.all.get(f"queue {queue}", 0)
