"""Fetches outcomes that are too large for the inbox, until they are here or known to be deleted."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.ids import partition_of
from relay.model.problems.base import RelayError
from relay.model.problems.request import InternalError, NoSuchJob
from relay.model.status import Outcome
from relay.store.submitters import SubmitterStore
from relay.submitting.waiters import Waiters
from relay.timing.backoff import Backoff

AGAIN = Backoff(0.1, limit=2.0)  # before a store that was away is asked again


class Fetching:
    """Fetches outcomes, and hands them to their waiters."""

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, store: SubmitterStore, waiters: Waiters, resync: Callable[[int], None]
    ) -> None:
        self._clock = clock
        self._store = store
        self._waiters = waiters
        self._resync = resync  # called when a partition may have lost history
        self._under_way: set[Deferred[None]] = set()

    def fetch(self, id: str) -> None:
        """A job has ended: fetch its outcome and pass it to its waiters."""
        fetching = ensureDeferred(self._fetch(id))
        self._under_way.add(fetching)
        fetching.addErrback(self._failed, id).addBoth(lambda _: self._under_way.discard(fetching))

    def stop(self) -> None:
        for fetching in list(self._under_way):
            fetching.cancel()

    async def _fetch(self, id: str) -> None:
        failures = 0
        while id in self._waiters:
            try:
                await self._try(id)
                return
            except RelayError:  # the store is away
                failures += 1
                await deferLater(self._clock, AGAIN.pause(failures))

    async def _try(self, id: str) -> None:
        outcome = await self._store.fetch(id)
        if outcome is not None:
            self._waiters.tell(outcome)
            return
        # It was there when we were told of it. Either the store forgot, and runs the job again or knows nothing of it,
        # or the time for which it is kept is over.
        (known,) = await self._store.attach_all([id])
        if isinstance(known, Outcome):
            self._waiters.tell(known)
        elif known is None and self._store.minted_elsewhere(id):
            self._resync(partition_of(id))
        elif known is None:
            self._waiters.fail(id, NoSuchJob())

    def _failed(self, failure: Failure, id: str) -> None:
        if not failure.check(CancelledError):
            self._log.failure("the outcome of job {id} can't be read", failure, id=id)
            self._waiters.fail(id, InternalError())
