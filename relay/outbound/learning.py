"""What one job learns of limits, and where it counts: what a server says counts for that server.

An answer teaches the limit of the host that gave it, wherever the call was sent first. It counts for the job's lane,
too, and for up to a day, if the host is the API that the job is for: one that its `Limit` names, or a call says so. All
others are heard for `STRANGERS` seconds at most, because clients choose them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IReactorTime

from relay.model.limits import Learned, Rate
from relay.model.memo import Memo
from relay.model.problems.upstream import UpstreamLimited
from relay.outbound.announced import LONGEST_PAUSE, learn
from relay.outbound.gate import Gate
from relay.outbound.url import host_of
from relay.timing.backoff import Backoff

STRANGERS = 300.0  # seconds
REFUSED = Backoff(1.0, limit=60.0, jitter=0.5)  # after a 429 that names no time
_MOST_SCOPES = 5_000


@dataclass(frozen=True, slots=True)
class LimitedAnswer:
    """What an answer said, and which URL gave it; `own`: it is of the API that the job is for."""

    url: bytes
    own: bool
    learned: Learned


@dataclass(frozen=True, slots=True)
class Teachers:
    """What the jobs of a worker share."""

    clock: IReactorTime
    gate: Gate
    refusals: Memo[str, int] = field(default_factory=lambda: Memo(_MOST_SCOPES))  # in a row, by scope


class Learning:
    """Of one job, with its lane ("" for none), and the hosts that its handler names as its own."""

    def __init__(self, shared: Teachers, lane: str, hosts: tuple[str, ...]) -> None:
        self._shared = shared
        self._lane = lane
        self._hosts = hosts

    async def enter(self, url: bytes, until: float) -> None:
        """Wait until a call is allowed. Raises `UpstreamLimited` if that is not before `until`, by the clock."""
        await self._shared.gate.enter(self._scope(url), until)

    def read(self, response: Any, asked: bytes, own: bool) -> LimitedAnswer:
        """Look at an answer to a call that was sent to `asked` first, and may have been redirected."""
        url = response.request.absoluteURI or asked
        is_own = self.is_own(url) or (own and host_of(url) == host_of(asked))
        return LimitedAnswer(
            url, is_own, _bounded(learn(response.code, response.headers, time.time()), is_own)
        )

    def is_own(self, url: bytes) -> bool:
        return host_of(url) in self._hosts

    async def answered(self, answer: LimitedAnswer, well: bool) -> None:
        """Count what it said for everybody."""
        if answer.learned:
            await self._learn(answer, answer.learned)
        if well:
            self._shared.refusals.pop(self._scope(answer.url), None)

    async def refused(self, answer: LimitedAnswer, until: float) -> None:
        """Count a refusal for everybody; the gate then holds the next call. Raises `UpstreamLimited` where that is not
        before `until`."""
        scope, learned = self._scope(answer.url), _bounded(answer.learned, answer.own)
        refusals = self._shared.refusals.get(scope, 0)
        if not learned.pause:
            learned = Learned(learned.rate, REFUSED.pause(1 + refusals))
        self._shared.refusals[scope] = 1 + refusals
        await self._learn(answer, learned)
        if self._shared.clock.seconds() + learned.pause >= until:
            raise UpstreamLimited(learned.pause)

    async def _learn(self, answer: LimitedAnswer, learned: Learned) -> None:
        await self._shared.gate.learn(self._scope(answer.url), self._lane if answer.own else "", learned)

    def _scope(self, url: bytes) -> str:
        host, value = host_of(url), self._lane.partition(" ")[2]
        return f"{host} {value}" if value else host


def _bounded(learned: Learned, own: bool) -> Learned:
    longest = LONGEST_PAUSE if own else STRANGERS
    rate = learned.rate
    if rate.window > longest:
        rate = Rate(rate.calls, longest)
    return Learned(rate, min(longest, learned.pause))
