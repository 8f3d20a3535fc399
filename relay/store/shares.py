"""How much each partition may take, where all together may have so much.

The jobs of one partition are no more than what all may have less what lives in the others, as sweeps have told last. So
all together have no more than that, give or take what was added since, and a partition in which many are pinned is not
refused before they have it.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.store.partition import Partition
from relay.store.terms import StoreSettings


class Shares:
    """Of the jobs that may live at once (`StoreSettings.queue_limit`), and of bytes of them. `rooms` has both for each
    partition."""

    def __init__(self, partitions: Sequence[Partition], terms: StoreSettings) -> None:
        self._most = terms.queue_limit, terms.queue_bytes
        self._live = dict.fromkeys(partitions, (0, 0))
        self.rooms = dict.fromkeys(partitions, self._most)

    def heard(self, partition: Partition, jobs: int, size: int) -> None:
        """So many jobs live in a partition, with so many bytes."""
        self._live[partition] = jobs, size
        all_jobs, all_bytes = map(sum, zip(*self._live.values(), strict=True))
        for each, (own_jobs, own_bytes) in self._live.items():
            others = all_jobs - own_jobs, all_bytes - own_bytes
            self.rooms[each] = max(0, self._most[0] - others[0]), max(0, self._most[1] - others[1])
