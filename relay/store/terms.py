"""What processes that share a store agree on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from relay.model.settings import Settings

_OF_EACH = 3.0  # seconds that each partition adds to the lease of a session that holds nothing


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What processes that share a store should agree on."""

    keep: float  # seconds that an outcome is kept
    lease: float  # seconds that a silent worker keeps its jobs
    queue_limit: int  # jobs alive at once
    dead_keep: float = 7 * 86400  # seconds that a dead job is kept
    dead_bytes: int = 64 << 20  # of all dead jobs
    dead_arguments: int = 1 << 20  # bytes of one; larger ones are not kept with it
    queue_bytes: int = 512 << 20  # of all jobs alive at once

    def of_each(self, partitions: int) -> StoreSettings:
        """What counts for each of so many partitions: its share of dead jobs, of which the oldest are forgotten where
        there are too many."""
        return replace(self, dead_bytes=self.dead_bytes // partitions)

    def words(self) -> str:
        """As scripts read them that end jobs."""
        return f"{int(self.keep * 1000)} {self.dead_bytes} {self.dead_arguments}"


def terms_of(settings: Settings) -> StoreSettings:
    """What these settings say that processes agree on."""
    return StoreSettings(
        keep=settings.keep,
        lease=settings.lease,
        queue_limit=settings.queue_limit,
        queue_bytes=settings.queue_bytes,
        dead_keep=settings.dead_keep,
        dead_bytes=settings.dead_bytes,
        dead_arguments=settings.dead_arguments,
    )


def lease_of_nothing(lease: float, partitions: int) -> float:
    """Seconds that a session is known after a turn that left it without a job. A worker has a session in each
    partition and takes the turns of those that are idle one after the other, so it comes back to each the later."""
    return lease if partitions == 1 else max(lease, _OF_EACH * partitions)
