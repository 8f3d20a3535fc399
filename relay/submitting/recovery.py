"""Recovery after a partition of the store lost data: all who wait in this process for its jobs are attached again, and
unknown jobs are submitted again.

It starts a second after Redis came back, so that workers can register what they run first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from relay.model.ids import partition_of
from relay.model.problems.base import RelayError
from relay.model.problems.job import Interrupted
from relay.model.problems.request import StoreReset
from relay.model.state import State
from relay.model.status import Outcome
from relay.store.messages import Receipt, Submission
from relay.store.submitters import SubmitterStore
from relay.submitting.waiters import Waiters
from relay.timing.backoff import Backoff
from relay.timing.timers import stop_timer

PAUSE = 1.0  # seconds before what may have been forgotten is attached
AGAIN = Backoff(1.0, limit=10.0)  # before what could not be attached is tried again
_SLICE = 200  # jobs a call


class Recovery:
    """Repairs what a process waits for."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, store: SubmitterStore, waiters: Waiters) -> None:
        self._clock = clock
        self._store = store
        self._waiters = waiters
        self._coming: dict[int, IDelayedCall] = {}  # by partition, as are these
        self._failures: dict[int, int] = {}  # in a row
        #: each is called with the number of a partition whose jobs were attached again
        self.on_repair: list[Callable[[int], None]] = []

    def soon(self, partition: int = 0) -> None:
        """A partition may have lost data: repair soon."""
        self._in(PAUSE, partition)

    def is_needed(self, partition: int) -> bool:
        """Whether anybody waits for a job of this partition."""
        return bool(self._waiters.ids_of(partition))

    def stop(self) -> None:
        for coming in self._coming.values():
            stop_timer(coming)

    def _in(self, seconds: float, partition: int) -> None:
        coming = self._coming.get(partition)
        if coming is None or not coming.active():
            self._coming[partition] = self._clock.callLater(seconds, self._begin, partition)

    def _begin(self, partition: int) -> None:
        ensureDeferred(self.run(partition)).addErrback(
            lambda failure: self._log.failure("a recovery failed", failure)
        )

    async def attach(self, ids: Sequence[str]) -> None:
        """Attach some of the jobs that are waited for; where that fails, attach all of that partition a little
        later."""
        by_partition: dict[int, list[str]] = {}
        for id in ids:
            by_partition.setdefault(partition_of(id), []).append(id)
        for partition, some in by_partition.items():
            try:
                for first in range(0, len(some), _SLICE):
                    await self._attach_some(some[first : first + _SLICE])
            except RelayError:
                self.soon(partition)
            except Exception:
                self._log.failure("clients that were taken over could not be attached yet")
                self.soon(partition)

    async def run(self, partition: int = 0) -> None:
        """Attach all jobs of a partition that are waited for. Unknown jobs are submitted again, or their waiters fail.
        Jobs that could not be attached are tried again, because nothing else would do so."""
        if await self._all(partition):
            self._failures.pop(partition, None)
            for repaired in self.on_repair:
                repaired(partition)
        else:
            self._failures[partition] = failures = self._failures.get(partition, 0) + 1
            self._in(AGAIN.pause(failures), partition)

    async def _all(self, partition: int) -> bool:
        """Whether nothing is left to be done."""
        ids = self._waiters.ids_of(partition)
        complete = True
        for first in range(0, len(ids), _SLICE):
            try:
                await self._attach_some(ids[first : first + _SLICE])
            except RelayError:  # the store is away
                return False
            except Exception:  # the others can be attached all the same
                self._log.failure("some held requests could not be attached again")
                complete = False
        return complete

    async def _attach_some(self, ids: Sequence[str]) -> None:
        again = []
        for id, known in zip(ids, await self._store.attach_all(ids), strict=True):
            if isinstance(known, Outcome):
                self._waiters.tell(known)
            elif known is None:
                again += self._resubmission(id)
        if again:
            for submission, receipt in zip(again, await self._store.submit_again(again), strict=True):
                self._settle(submission.id, receipt)

    def _resubmission(self, id: str) -> list[Submission]:
        """The submission to send again; nobody is left waiting for one that can't be."""
        submission = self._waiters.resubmission(id)
        if submission is None:
            self._waiters.fail(id, StoreReset())
        elif submission.job.once:
            self._waiters.tell(_interrupted(submission, int(self._store.now())))
        else:
            return [submission]
        return []

    def _settle(self, id: str, receipt: Receipt | Exception) -> None:
        if isinstance(receipt, Exception):
            self._waiters.fail(id, receipt)
            return
        if receipt.id != id:  # its key stands for another job by now
            self._waiters.move(id, receipt.id)
        if receipt.outcome is not None:
            self._waiters.tell(receipt.outcome)


def _interrupted(submission: Submission, now: int) -> Outcome:
    """How a job ended that was forgotten, and must not run twice: it may have run. The store does not keep this.
    Whoever waits hears it as an outcome, because a client that was cut off would send the same again."""
    job = submission.job
    return Outcome(
        submission.id, job.name, State.FAILED, now, 0, now, now, 1, Interrupted.slug, durable=job.durable
    )
