"""What the dashboard shows on each of its views: the relay now, and what is wrong with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from twisted.internet.defer import ensureDeferred

from relay.model.problems.base import RelayError
from relay.operations.finding import Finding
from relay.operations.judging import AWAY, judge
from relay.operations.minute import Minute
from relay.operations.seen import Overview
from relay.telemetry.snapshot import Snapshot
from relay.timing.made_once import MadeOnce

FRESH = 1.0  # seconds for which one counts, however many look
_APART = 30.0  # seconds between those that are kept to compare with
_KEPT = 10


class Summary(msgspec.Struct, frozen=True):
    """`overview`: None where Redis does not answer · `breakers`: hosts to which calls are refused."""

    overview: Overview | None
    findings: list[Finding]
    breakers: list[str]


class Summaries:
    """Makes one when it is asked, at most each second. `now`: seconds."""

    def __init__(
        self,
        overview: Callable[[], Awaitable[Overview]],
        snapshots: Callable[[], Awaitable[list[Snapshot]]],
        now: Callable[[], float],
    ) -> None:
        self._overview = overview
        self._snapshots = snapshots
        self._now = now
        self._kept: deque[tuple[float, Overview]] = deque(maxlen=_KEPT)
        #: the relay now; who asks while the store is being asked hears the same, whether it answers or not
        self.summary = MadeOnce(self._made, FRESH, now).get

    async def _made(self) -> Summary:
        asked = ensureDeferred(self._told())  # at once: a store that is away is waited for once
        try:
            seen = await self._overview()
        except RelayError:
            seen = None
        snapshots = await asked
        breakers = Minute(snapshots).open_breakers()
        if seen is None:
            return Summary(None, judge(AWAY, None, snapshots), breakers)
        before = self._kept[0][1] if self._kept else None
        if not self._kept or self._now() - self._kept[-1][0] >= _APART:
            self._kept.append((self._now(), seen))
        return Summary(seen, judge(seen, before, snapshots), breakers)

    async def _told(self) -> list[Snapshot]:
        return await self._snapshots()
