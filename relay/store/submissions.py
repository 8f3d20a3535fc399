"""Submissions on their way to one partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

from relay.store import codec
from relay.store.batch import Batch
from relay.store.messages import Receipt, Submission
from relay.store.partition import DEADLINE, Partition
from relay.store.portions import portions
from relay.store.terms import StoreSettings

OVERHEAD = 200  # bytes of a submission beside its arguments, roughly


class Submissions(Batch[Submission, Receipt]):
    """Sends those together that come at once. `inbox` is told how each ends, also a job that another process had
    submitted under the same key."""

    def __init__(self, partition: Partition, inbox: str, terms: StoreSettings) -> None:
        super().__init__(partition.clock, self.send, DEADLINE)
        self.inbox = inbox
        self.partition = partition
        self._queue_limit = (terms.queue_limit, terms.queue_bytes)

    async def again(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        """Send some whose ids may be known already."""
        answers: list[Receipt | Exception] = []
        for some in portions(submissions, lambda submission: len(submission.job.arguments)):
            answers += await self.partition.within_deadline(self.send(some, True))
        return answers

    def send(self, items: list[Submission], again: bool) -> Deferred[Sequence[Receipt | Exception]]:
        """Send these now; `again` if the store may have them."""
        words: list[Any] = [*self._queue_limit, self.inbox, int(again)]
        for item in items:
            words.extend(codec.submission_words(item))

        def receipts(answer: tuple[int, list[Any]]) -> Sequence[Receipt | Exception]:
            now, rows = answer
            return [codec.read_receipt(item, now, row) for item, row in zip(items, rows, strict=True)]

        return Deferred.fromCoroutine(self.partition.run("submit", words)).addCallback(receipts)
