"""What the dashboard shows on each of its views: the relay now, and what is wrong with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.python.failure import Failure

from relay.model.problems.base import RelayError
from relay.operations.finding import Finding
from relay.operations.judging import AWAY, judge
from relay.operations.minute import Minute
from relay.operations.seen import Overview
from relay.telemetry.snapshot import Snapshot
from relay.timing.fork import fork

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
        self._last: tuple[float, Summary] | None = None
        self._asked: Deferred[Summary] | None = None

    def summary(self) -> Deferred[Summary]:
        """The relay now. Who asks while the store is being asked hears the same, whether it answers or not."""
        if self._last is not None and self._now() - self._last[0] < FRESH:
            return succeed(self._last[1])
        if self._asked is None:
            asked = self._asked = ensureDeferred(self._made())
            return fork(asked.addBoth(self._is_made))
        return fork(self._asked)

    def _is_made(self, made: Summary | Failure) -> Summary | Failure:
        self._asked = None
        if isinstance(made, Summary):
            self._last = self._now(), made
        return made

    async def _made(self) -> Summary:
        snapshots = await self._snapshots()
        breakers = Minute(snapshots).open_breakers()
        try:
            seen = await self._overview()
        except RelayError:
            return Summary(None, judge(AWAY, None, snapshots), breakers)
        before = self._kept[0][1] if self._kept else None
        if not self._kept or self._now() - self._kept[-1][0] >= _APART:
            self._kept.append((self._now(), seen))
        return Summary(seen, judge(seen, before, snapshots), breakers)
