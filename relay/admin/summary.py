"""What the dashboard shows on each of its views: the relay now, and what is wrong with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from relay.model.problems.base import RelayError
from relay.operations.finding import BAD, WARNING, Finding
from relay.operations.judging import judge
from relay.operations.seen import Overview
from relay.telemetry.rates import Compared
from relay.timing.made_once import MadeOnce

FRESH = 1.0  # seconds for which one counts, however many look
_APART = 30.0  # seconds between those that are kept to compare with
_KEPT = 10
_AWAY = Finding(
    BAD,
    "Redis does not answer: jobs are neither accepted nor ended",
    "see whether it runs, and whether it is reached: redis-cli -u URL ping",
)


class Summary(msgspec.Struct, frozen=True):
    """`overview`: None where Redis does not answer · `breakers`: hosts to which calls are refused."""

    overview: Overview | None
    findings: list[Finding]
    breakers: list[str]


class Summaries:
    """Makes one when it is asked, at most each second. `now`: seconds."""

    def __init__(
        self, overview: Callable[[], Awaitable[Overview]], compared: Compared, now: Callable[[], float]
    ) -> None:
        self._overview = overview
        self._compared = compared
        self._now = now
        self._kept: deque[tuple[float, Overview]] = deque(maxlen=_KEPT)
        #: the relay now; who asks while the store is being asked hears the same, whether it answers or not
        self.summary = MadeOnce(self._made, FRESH, now).get

    async def _made(self) -> Summary:
        try:
            seen = await self._overview()
        except RelayError:
            return Summary(None, [_AWAY, *self._own()], self._breakers())
        before = self._kept[0][1] if self._kept else None
        if not self._kept or self._now() - self._kept[-1][0] >= _APART:
            self._kept.append((self._now(), seen))
        found = judge(seen, before)
        return Summary(seen, sorted([*self._own(), *found], key=_is_less), self._breakers())

    def _own(self) -> list[Finding]:
        """What is wrong by what processes count."""
        found = [
            Finding(
                WARNING,
                f"calls to {host} are refused, because it failed ten times in a row",
                "see what it answers under Upstreams; calls begin again by themselves",
            )
            for host in self._breakers()
        ]
        if sum(self._compared.rates("relay_stalls_total").values()):
            what = "a handler blocks its worker"
            found.append(Finding(WARNING, what, "the worker's log names the line; use thread=True"))
        return found

    def _breakers(self) -> list[str]:
        open_ones = self._compared.gauges("relay_breaker_open")
        return sorted(labels[0] for labels, values in open_ones.items() if any(values))


def _is_less(finding: Finding) -> int:
    return {BAD: 0, WARNING: 1}.get(finding.level, 2)
