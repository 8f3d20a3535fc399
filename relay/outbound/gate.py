"""Where calls wait while their API lets nobody through, together with those of all other workers.

The store counts for everybody (`Limiter`). A scope that nothing is known of costs one question a second; where a
limit is known, all calls of this worker that wait for it ask with one voice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.limits import Learned, Rate
from relay.model.memo import Memo
from relay.model.problems.base import RelayError
from relay.model.problems.upstream import UpstreamLimited

TRUST = 1.0  # seconds for which a scope without limits is not asked about again
AWAY = 0.2  # seconds until a store that is away is asked again
LOOK = 5.0  # seconds until the store is asked again about a longer pause: an operator may have ended it
REMIND = 60.0  # seconds until a rate that is announced with each answer is told to the store once more
_MOST_SCOPES = 5_000


class Limiter(Protocol):
    """The store, as the gate sees it."""

    async def grant(self, scope: str, calls: int) -> tuple[int, float]:
        """How many of so many calls may go now, and seconds until more may; -1 where there is no limit."""

    async def learn(self, scopes: Sequence[str], learned: Learned) -> None:
        """An answer told of a limit: count it for everybody from now on."""


class Gate:
    """Lets calls through, first come, first served within each scope."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, limiter: Limiter) -> None:
        self._clock = clock
        self._limiter = limiter
        self._waiting: dict[str, deque[tuple[Deferred[None], float]]] = {}
        self._free_until: Memo[str, float] = Memo(_MOST_SCOPES)
        self._told: Memo[tuple[str, str], tuple[Rate, float]] = Memo(_MOST_SCOPES)

    async def enter(self, scope: str, until: float) -> None:
        """Wait until a call may go; raises `UpstreamLimited` if that is not before `until`."""
        if self._clock.seconds() < self._free_until.get(scope, 0.0):
            return
        queue = self._waiting.get(scope)
        turn: Deferred[None] = Deferred()
        if queue is None:
            queue = self._waiting[scope] = deque()
            queue.append((turn, until))
            Deferred.fromCoroutine(self._ask(scope, queue)).addErrback(self._failed, queue)
        else:
            queue.append((turn, until))
        await turn

    async def learn(self, scope: str, lane: str, learned: Learned) -> None:
        """An answer told of a limit, to a job of a lane ("" for none): jobs of that lane wait for it too."""
        if not learned.pause and self._was_told(scope, lane, learned.rate):
            return
        self._free_until.pop(scope, None)
        try:
            await self._limiter.learn([scope, lane] if lane else [scope], learned)
            self._told[scope, lane] = learned.rate, self._clock.seconds()
        except RelayError as error:
            self._log.warn(
                "the limit that {scope} announced could not be stored: {error}",
                scope=scope,
                error=repr(error),
            )
        except CancelledError:
            raise
        except Exception:  # the call went well all the same
            self._log.failure("the limit that {scope} announced could not be stored", scope=scope)

    async def _ask(self, scope: str, queue: deque[tuple[Deferred[None], float]]) -> None:
        try:
            while _drop_cancelled(queue):
                granted, wait = await self._granted(scope, len(queue))
                if granted < 0:
                    self._trust(scope)
                    granted = len(queue)
                for turn, _ in [queue.popleft() for _ in range(min(granted, len(queue)))]:
                    if not turn.called:
                        turn.callback(None)
                _refuse(queue, self._clock.seconds() + wait, wait)
                if _drop_cancelled(queue):
                    await deferLater(self._clock, min(wait, LOOK))
        finally:
            del self._waiting[scope]

    async def _granted(self, scope: str, calls: int) -> tuple[int, float]:
        try:
            return await self._limiter.grant(scope, calls)
        except RelayError:
            return 0, AWAY

    def _was_told(self, scope: str, lane: str, rate: Rate) -> bool:
        told, at = self._told.get((scope, lane), (Rate(), -REMIND))
        return told == rate and self._clock.seconds() - at < REMIND

    def _trust(self, scope: str) -> None:
        self._free_until[scope] = self._clock.seconds() + TRUST

    def _failed(self, failure: Failure, queue: deque[tuple[Deferred[None], float]]) -> None:
        self._log.failure("the store could not be asked about limits", failure)
        for turn, _ in queue:
            if not turn.called:
                turn.errback(failure)


def _drop_cancelled(queue: deque[tuple[Deferred[None], float]]) -> bool:
    """Whether anyone still waits."""
    while queue and queue[0][0].called:
        queue.popleft()
    return bool(queue)


def _refuse(queue: deque[tuple[Deferred[None], float]], earliest: float, wait: float) -> None:
    """Those who can't be let through in time need not wait for it."""
    for turn, until in queue:
        if until <= earliest and not turn.called:
            turn.errback(UpstreamLimited(wait))
