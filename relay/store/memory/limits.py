"""What may go under the limits of the store in memory, by what was declared and by what APIs were learned to say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from relay.model.limits import Learned, Rate
from relay.store.messages import LimitDefinition

REMEMBERED = 3_600_000  # ms that what was learned is remembered, unless its window or pause is longer
LONGEST = 86_400_000  # ms of a window or a pause
SHORT = (
    60_000  # ms of a window that is spread: of one no more than a tenth, and a little, goes in a tenth of it
)


@dataclass(slots=True)
class LearnedRate:
    """What was learned of one scope. Times are milliseconds."""

    calls: int = 0
    window: int = 0
    until: int = 0  # nobody goes before
    expires: int = 0


class Limits:
    """Counts what goes under each scope: a host, a host and a value, or the lane of a job. `now` is in milliseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._declared: dict[str, LimitDefinition] = {}
        self._learned: dict[str, LearnedRate] = {}
        self._went: dict[str, list[int]] = {}  # when, by scope

    def declare(self, limit: LimitDefinition) -> None:
        """A worker published this limit."""
        self._declared[limit.name] = limit

    def most(self, lane: str) -> int:
        """How many jobs of a lane may run at once; 0 for any number."""
        declared = self._declared.get(_name_of(lane))
        return declared.most if declared else 0

    def learn(self, scope: str, learned: Learned) -> None:
        """An API told of a limit. A pause is never shortened."""
        now = self._now()
        window, pause = (min(LONGEST, int(s * 1000)) for s in (learned.rate.window, learned.pause))
        known = self._find(scope) or LearnedRate()
        if window > 0:
            known.calls, known.window = learned.rate.calls, window
        known.until = max(known.until, now + pause)
        known.expires = now + max(REMEMBERED, window, pause)
        self._learned[scope] = known

    def forget(self, scope: str) -> bool:
        """Whether anything was known of it."""
        known = self._find(scope)
        self._learned.pop(scope, None)
        return known is not None

    def learned(self, most: int) -> dict[str, Learned]:
        """What was learned, those first that are remembered longest."""
        known = {scope: self._find(scope) for scope in list(self._learned)}
        scopes = [(each.expires, scope, each) for scope, each in known.items() if each]
        return {
            scope: Learned(Rate(each.calls, each.window / 1000), max(0, each.until - self._now()) / 1000)
            for _, scope, each in sorted(scopes, key=lambda row: row[:2], reverse=True)[:most]
        }

    def room(self, scope: str) -> tuple[float, int]:
        """How many may go now, and when the next one may. `math.inf` is a known limit that stops nobody, -1 no known
        limit."""
        now, allowance = self._now(), self._find(scope)
        closed = allowance.until if allowance else 0
        if closed > now:
            return 0, closed
        rates = self._rates(scope, allowance)
        if not rates:
            return (math.inf if allowance else -1), now
        room, at = math.inf, now
        went = self._went.get(scope, [])
        for calls, window in rates:
            room = min(room, calls - sum(time > now - window for time in went))
            if len(went) >= calls:
                at = max(at, math.ceil(went[-calls] + window))
        return max(0, room), at

    def record(self, scope: str, count: int) -> None:
        """So many go now."""
        now = self._now()
        longest = max((window for _, window in self._rates(scope, self._find(scope))), default=0)
        if longest and count:
            recent = [time for time in self._went.get(scope, []) if time > now - longest]
            self._went[scope] = recent + [now] * count

    def grant(self, scope: str, calls: int) -> tuple[int, float]:
        """How many of so many go, and seconds until more may; -1 where no limit is known."""
        room, at = self.room(scope)
        if room < 0:
            return -1, 0.0
        granted = int(min(calls, room))
        self.record(scope, granted)
        if granted < calls:
            _, at = self.room(scope)
        return granted, max(1, at - self._now()) / 1000

    def _find(self, scope: str) -> LearnedRate | None:
        known = self._learned.get(scope)
        return known if known is not None and known.expires > self._now() else None

    def _rates(self, scope: str, allowance: LearnedRate | None) -> list[tuple[int, float]]:
        """Calls and window (ms) of each rate that counts. Windows are taken a little longer than they are, and those of
        jobs longer than those of calls, so that the calls of a job that may go are seldom held up."""
        is_lane = scope.startswith("@")
        slack, more = (1.025, 1) if is_lane else (1.012, 2)
        declared = self._declared.get(_name_of(scope))
        known = [(declared.calls, int(declared.window * 1000))] if declared else []
        known += [(allowance.calls, allowance.window)] if allowance else []
        rates: list[tuple[int, float]] = []
        for calls, window in known:
            if calls < 1 or window < 1:
                continue
            rates.append((calls, window * slack))
            if window <= SHORT and calls >= 10:
                rates.append((math.ceil(calls / 10) + more, window * slack / 10))
        return rates


def _name_of(lane: str) -> str:
    """The limit's name in ``@name`` or ``@name value``; "" for a scope that is no lane."""
    return lane[1:].partition(" ")[0] if lane.startswith("@") else ""
