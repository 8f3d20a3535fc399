"""Jobs that have to be durable: their submissions, and the telling of their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure

from relay.model.job import Job
from relay.model.problems.request import NotDurable, StoreReset
from relay.store.messages import Receipt, Submission
from relay.store.partition import DEADLINE, Partition
from relay.store.portions import MOST_ENDS
from relay.store.submissions import Submissions

UNTOLD = 1000  # milliseconds after which others tell of an end that its worker did not tell of


def check(partition: Partition, job: Job) -> None:
    """Raise `NotDurable`, without an id, for a job that has to be durable where nothing can prove it. Such a job is not
    added, whoever brings it: nobody could be told how it ended, and it would be kept for ever."""
    if job.durable and (why := partition.durability.why_not):
        partition.events.not_provable(job.name)
        raise NotDurable(why)


def durably(submissions: Submissions, submission: Submission, size: int) -> Deferred[Receipt]:
    """The receipt of a submission once it is durable, within the time of a verb. Fails with `NotDurable`, and the job's
    id, where that takes longer; without one where nothing can be proved (`check`)."""
    try:
        check(submissions.partition, submission.job)
    except NotDurable as error:
        return fail(error)
    added, known = submissions.add(submission, size), _Known()

    def late(result: Any, seconds: float) -> Any:
        if isinstance(result, Failure) and result.check(CancelledError) and known.id:
            raise NotDurable(f"not within {seconds:g} s", id=known.id)
        return result

    accepting = Deferred.fromCoroutine(known.wait(submissions, submission, added))
    return accepting.addTimeout(DEADLINE, submissions.partition.clock, onTimeoutCancel=late)


class _Known:
    """A submission on its way: `id` is known once the store has the job."""

    id = ""

    async def wait(
        self, submissions: Submissions, submission: Submission, added: Deferred[Receipt]
    ) -> Receipt:
        receipt = await added
        while True:
            self.id = receipt.id
            try:
                await submissions.partition.durability.reached()
                return receipt
            except NotDurable as error:
                raise NotDurable(error.detail, id=receipt.id) from error
            except StoreReset:  # another server has taken over, which may not have it
                (answer,) = await submissions.again([submission])
                if isinstance(answer, Exception):
                    raise answer from None
                receipt = answer


async def endured(partition: Partition) -> None:
    """Return once all that a partition was given is durable. Raises `NotDurable`."""
    try:
        await partition.durability.reached()
    except StoreReset as error:
        raise NotDurable("another server has taken over") from error


async def announce(partition: Partition, terms: str, ids: Sequence[str]) -> None:
    """Tell how durable jobs ended, once that is durable. Raises `NotDurable`, `StoreAway`."""
    await endured(partition)
    left = list(ids)
    while left:
        (reached,) = await partition.verb("announce", terms, *left[:MOST_ENDS])
        left = left[max(1, reached) :]


async def announce_late(partition: Partition, terms: str) -> None:
    """The same for those whose workers did not do so. Raises `NotDurable`, `StoreAway`."""
    (ids,) = await partition.verb("untold", UNTOLD, MOST_ENDS)
    if ids:
        await announce(partition, terms, [id.decode() for id in ids])
