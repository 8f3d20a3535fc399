"""Where a job goes that may live in any partition."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

from relay.store.partition import Partition
from relay.store.submissions import Submissions


class AnyPartition:
    """Chooses among partitions. Jobs that come together go together, because a batch costs Redis less than its jobs one
    by one would: the same partition is chosen as long as a submission to it is on its way. It is the turn of another
    when none is, and when a batch was full before the one in front of it was answered."""

    def __init__(self, submissions: Mapping[Partition, Submissions]) -> None:
        self._submissions = submissions
        self._in_turn = cycle(submissions)
        self._present = next(self._in_turn)

    def next(self) -> Partition:
        """For the next job: one that takes jobs now, as far as that is known; any, where none does."""
        present = self._present
        if not (present.takes and self._submissions[present].is_open):
            self._present = present = self._another()
        return present

    def _another(self) -> Partition:
        for _, partition in zip(self._submissions, self._in_turn, strict=False):
            if partition.takes:
                return partition
        return next(self._in_turn)
