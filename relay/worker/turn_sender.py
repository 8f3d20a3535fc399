"""Sends the turns of a worker, each until it is answered."""

from __future__ import annotations

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from relay.model.problems.job import ResultTooLarge
from relay.model.problems.request import StoreAway
from relay.model.state import State
from relay.redis.connection import LinkLost
from relay.store.messages import Report, Turn, Turned
from relay.store.parts import SessionStore
from relay.timing.backoff import Backoff

AGAIN = Backoff(0.1, limit=1.0)  # before a store that was away is asked again
MOST_LOST = 5  # connections that break in a row under one turn, before it is made smaller
LARGE = 64 << 10  # bytes of an end that may be why


class TurnSender:
    """Sends a turn again as long as its answer is lost: the store answers as before."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: SessionStore) -> None:
        self._clock = clock
        self._store = store
        self._failures = 0  # in a row
        self._alone = False  # with a job that is suspected

    async def pause(self) -> None:
        """Wait before Redis is asked again: longer with each failure in a row, whatever there is to say meanwhile."""
        self._failures += 1
        await deferLater(self._clock, AGAIN.pause(self._failures))

    async def send(self, session: str, turn: Turn) -> Turned:
        """The answer to a turn. Raises what `SessionStore.turn` raises, but for a store that is away."""
        lost = 0  # in a row
        while True:
            try:
                turned = await self._store.turn(session, turn)
                self._failures = 0
                self._say_if_alone(session, turned.alone)
                return turned
            except LinkLost:
                lost += 1
                if lost >= MOST_LOST:
                    turn, lost = self._without_the_largest(turn), 0
                    await self.pause()
            except StoreAway:  # it was not carried out
                await self.pause()

    def _without_the_largest(self, turn: Turn) -> Turn:
        """A turn whose connection breaks each time may be too large for what stands before Redis, and would stop all
        jobs of this worker: its largest end, if it is large, is told without what it carries."""
        largest = max((end for end, _ in turn.ends), key=lambda end: len(end.payload), default=None)
        if largest is None or len(largest.payload) < LARGE:
            return turn
        self._log.error(
            "Redis closes the connection whenever the outcome of job {id} is sent ({size} bytes). "
            "The outcome is sent without its content",
            id=largest.id,
            size=len(largest.payload),
        )
        small = Report(largest.id, State.FAILED, ResultTooLarge.slug)
        ends = tuple((small if end is largest else end, number) for end, number in turn.ends)
        return msgspec.structs.replace(turn, ends=ends)

    def _say_if_alone(self, session: str, alone: bool) -> None:
        if alone and not self._alone:
            self._log.warn(
                "session {name} takes no other jobs for now. Workers died while they ran one of its jobs, so that job "
                "runs alone to see whether it is to blame",
                name=session,
            )
        self._alone = alone
