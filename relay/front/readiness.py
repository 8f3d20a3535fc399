"""Whether a front can take work, as its sweeps have seen; asking costs no call to the store."""

from __future__ import annotations

from collections.abc import Callable

from relay.front.catalogue import Catalogue

STALE = 5.0  # seconds after which a sweep says nothing any more
AWAY = "the store is away"


class Readiness:
    """What the last sweep of the store said."""

    def __init__(self, now: Callable[[], float], catalogue: Catalogue) -> None:
        self._now = now
        self._catalogue = catalogue
        self._swept = -STALE - 1  # when the store answered a sweep
        self._why = AWAY

    def swept(self) -> None:
        """The store has answered, and takes jobs."""
        self._why = AWAY
        self._swept = self._now()

    def missed(self, why: str = AWAY) -> None:
        """It has not, or it takes no jobs."""
        self._why = why
        self._swept = self._now() - STALE - 1

    def why_not(self) -> str:
        """Why this front can't take work; "" if it can."""
        if self._now() - self._swept > STALE:
            return self._why
        return "" if self._catalogue.is_served else "no worker serves any job"
