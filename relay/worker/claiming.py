"""What a session asks of the worker that it claims jobs for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from relay.model.job import Claim
from relay.store.terms import lease_of_nothing

IDLE = 1.0  # seconds between the turns of a worker that has nothing to say, at most


class ClaimRunner(Protocol):
    """Runs the jobs that a session claims."""

    def room(self) -> int:
        """How many more jobs are wanted."""

    def take(self, claim: Claim, since: float) -> None:
        """Run this job, and `report` its end. `since` is the earliest time, by the clock, at which it may have been
        claimed."""

    def drop(self, id: str) -> None:
        """Another worker has this job: stop it, because its end is of no use."""


@dataclass(frozen=True, slots=True)
class Rests:
    """Seconds between the turns of a session that has nothing to say, at most: while it holds nothing, while it holds
    jobs, and after its first turn."""

    idle: float = IDLE
    holding: float = IDLE
    first: float = IDLE


def rests_of(idle: float, lease: float, partitions: int) -> list[Rests]:
    """Those of a worker's sessions, one in each partition: it takes a turn every `idle` seconds if it is idle, in one
    partition after the other. Each renews its lease (seconds) before half of it has passed."""
    rest = idle * partitions
    holding, all_idle = min(rest, lease / 3), min(rest, lease_of_nothing(lease, partitions) / 3)
    return [Rests(all_idle, holding, all_idle * nth / partitions) for nth in range(1, partitions + 1)]
