"""Ends of durable jobs that the store has taken and does not tell before they are durable."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.job import Claim
from relay.model.problems.base import RelayError
from relay.store.messages import Report
from relay.store.parts import SessionStore
from relay.store.portions import MOST_ENDS
from relay.timing.backoff import Backoff
from relay.timing.fork import fork

AGAIN = Backoff(0.1, limit=2.0)  # before a store is asked again that has not made them durable


class Untold:
    """Of one session. They are kept until they are told, in case the store loses them; if the worker ends before, a
    sweep tells them."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: SessionStore) -> None:
        self._clock = clock
        self._store = store
        self._ends: dict[str, tuple[Claim, Report]] = {}
        self._is_telling = False
        self._telling: Deferred[None] = succeed(None)

    def add(self, claim: Claim, end: Report) -> None:
        """The store has taken the end of an attempt."""
        if not (claim.job.durable and end.state.complete):
            return
        self._ends[end.id] = claim, end
        if not self._is_telling:
            self._is_telling = True
            self._telling = Deferred.fromCoroutine(self._tell()).addErrback(self._broke_off)

    def claims(self) -> list[Claim]:
        """The jobs whose ends they are, to be offered where the store may have lost them."""
        return [claim for claim, _ in self._ends.values()]

    def again(self, taken: Collection[str]) -> list[Report]:
        """The ends of those jobs that were taken by another session, to be told anew; the store knows how all others
        ended, or another worker has them."""
        ends, self._ends = self._ends, {}
        return [end for id, (_, end) in ends.items() if id in taken]

    async def told(self) -> None:
        """Return once nothing is left to be told."""
        await fork(self._telling)

    async def _tell(self) -> None:
        failures = 0
        try:
            while self._ends:
                some = list(islice(self._ends.items(), MOST_ENDS))
                try:
                    await self._store.announce([id for id, _ in some])
                except RelayError:
                    failures += 1
                    await deferLater(self._clock, AGAIN.pause(failures))
                    continue
                failures = 0
                for id, told in some:
                    if self._ends.get(id) is told:  # else it is to be told anew
                        del self._ends[id]
        finally:
            self._is_telling = False

    def _broke_off(self, failure: Failure) -> None:
        """A mistake of ours: a sweep tells them."""
        if not failure.check(CancelledError):
            self._log.failure("the ends of durable jobs could not be told", failure)
