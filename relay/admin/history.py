"""The last hour of a relay: figures that are looked at now and then, more often while somebody looks."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from relay.admin import figures
from relay.model.problems.base import RelayError
from relay.operations.seen import Overview
from relay.telemetry.rates import Compared
from relay.telemetry.snapshot import Snapshot

OFTEN = 5.0  # seconds between looks while somebody looks
SELDOM = 3  # times as long else
_LOOKS = 60.0  # seconds after which somebody who looked has gone
HOUR = 3600_000  # ms


class HistoryPage(msgspec.Struct, frozen=True):
    """Figures over time: `names` of columns, and for each moment its time (ms) and a value for each name, None where
    there was none. Durations are seconds."""

    names: list[str]
    rows: list[tuple[int, list[float | None]]]


class History:
    """`overview`, `snapshots`: what is there now · `now`: seconds since 1970."""

    def __init__(
        self,
        overview: Callable[[], Awaitable[Overview]],
        snapshots: Callable[[], Awaitable[list[Snapshot]]],
        now: Callable[[], float],
    ) -> None:
        self._overview = overview
        self._snapshots = snapshots
        self._now = now
        self._moments: deque[tuple[int, dict[str, float]]] = deque(maxlen=int(HOUR / 1000 / OFTEN))
        #: what processes counted between the last two looks
        self.compared = Compared()
        self._asked = -_LOOKS
        self._skipped = SELDOM  # looks

    async def history(self, since: int = 0) -> HistoryPage:
        """All moments after a time (ms)."""
        self._asked = self._now()
        chosen = [(time, values) for time, values in self._moments if time > since]
        names = list(dict.fromkeys(name for _, values in chosen for name in values))
        return HistoryPage(names, [(time, [values.get(name) for name in names]) for time, values in chosen])

    async def look(self) -> None:
        """Note the figures of now, if it is time. Called each `OFTEN` seconds."""
        self._skipped += 1
        if self._skipped < SELDOM and self._now() - self._asked > _LOOKS:
            return
        self._skipped = 0
        values: dict[str, float] = {}
        with suppress(RelayError):  # the store is away: what processes tell goes on
            values.update(figures.of_overview(await self._overview()))
        time = int(self._now() * 1000)
        self.compared.look(await self._snapshots(), time)
        values.update(figures.of_processes(self.compared))
        self._add(time, values)

    def _add(self, time: int, values: dict[str, float]) -> None:
        while self._moments and self._moments[0][0] <= time - HOUR:
            self._moments.popleft()
        self._moments.append((time, values))
