"""Whether a front can take work, as its sweeps have seen; asking costs no call to the store."""

from __future__ import annotations

from collections.abc import Callable

from relay.front.catalogue import Catalogue

STALE = 5.0  # seconds after which a sweep says nothing any more
AWAY = "the store is away"


class Readiness:
    """What the last sweeps of the store's partitions said. One that takes jobs is enough."""

    def __init__(self, now: Callable[[], float], catalogue: Catalogue, partitions: int = 1) -> None:
        self._now = now
        self._catalogue = catalogue
        self._stale = STALE + partitions - 1  # each is swept once in so many seconds
        self._swept: dict[int, float] = {}  # partition → when it answered a sweep, of those that take jobs
        self._why = AWAY

    def swept(self, partition: int = 0) -> None:
        """A partition has answered, and takes jobs."""
        self._why = AWAY
        self._swept[partition] = self._now()

    def missed(self, why: str = AWAY, partition: int = 0) -> None:
        """It has not, or it takes no jobs."""
        self._why = why
        self._swept.pop(partition, None)

    def why_not(self) -> str:
        """Why this front can't take work; "" if it can."""
        now = self._now()
        if all(now - swept > self._stale for swept in self._swept.values()):
            return self._why
        return "" if self._catalogue.is_served else "no worker serves any job"
