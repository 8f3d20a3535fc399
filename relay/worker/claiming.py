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
    """Seconds between the turns of a session that has nothing to say, at most: while it holds jobs, and while it holds
    nothing. A worker with several sessions takes a turn of each in a time `slot` of its own, -1 for one with one."""

    holding: float = IDLE
    idle: float = IDLE
    slot: float = -1.0

    def until(self, now: float) -> float:
        """Seconds from `now` to the next turn of an idle session that has a slot."""
        return self.idle - (now - self.slot) % self.idle


USUAL = Rests()


def rests_of(idle: float, lease: float, partitions: int) -> list[Rests]:
    """Those of a worker's sessions, one in each partition: it takes a turn every `idle` seconds if it is idle, in one
    partition after the other. Each renews its lease (seconds) before half of it has passed."""
    rest = idle * partitions
    holding, all_idle = min(rest, lease / 3), min(rest, lease_of_nothing(lease, partitions) / 3)
    if partitions == 1:
        return [Rests(holding, all_idle)]
    return [Rests(holding, all_idle, all_idle * nth / partitions) for nth in range(partitions)]
