"""Submissions on their way to one partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

from relay.store.batch import Batch, Group
from relay.store.messages import Receipt, Submission
from relay.store.partition import DEADLINE, Partition
from relay.store.portions import portions
from relay.store.shares import Shares
from relay.store.submission_rows import read_receipt, submission_words

OVERHEAD = 200  # bytes of a submission beside its arguments, roughly


class Submissions(Batch[Submission, Receipt]):
    """Sends those together that come at once. `inbox` is told how each ends, also a job that another process had
    submitted under the same key."""

    def __init__(self, partition: Partition, inbox: str, shares: Shares) -> None:
        super().__init__(partition.clock, self.send, DEADLINE)
        self.inbox = inbox
        self.partition = partition
        self._rooms = shares.rooms

    async def again(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        """Send some that were accepted before: their ids may be known already, and limits of callers refuse none."""
        accepted = [submission.accepted() for submission in submissions]
        answers: list[Receipt | Exception] = []
        for some in portions(accepted, lambda submission: len(submission.job.arguments)):
            answers += await self.partition.within_deadline(self.send(some, True), "submit")
        return answers

    def _late(self, group: Group[Submission, Receipt]) -> None:
        self.partition.late("submit")
        super()._late(group)

    def send(self, items: list[Submission], again: bool) -> Deferred[Sequence[Receipt | Exception]]:
        """Send these now; `again` if the store may have them: then one that it does not have was not accepted, so the
        limits of its caller hold."""
        words: list[Any] = [*self._rooms[self.partition], self.inbox, int(again)]
        for item in items:
            words += submission_words(item)

        def receipts(answer: tuple[int, list[Any]]) -> Sequence[Receipt | Exception]:
            now, rows = answer
            return [read_receipt(item, now, row) for item, row in zip(items, rows, strict=True)]

        return self.partition.run("submit", words).addCallback(receipts)
