"""Turns of owners in the lines of the store in memory."""

from __future__ import annotations

from collections.abc import Iterable

from relay.model.job import Job
from relay.store.memory.record import LiveJob, Place

Turn = tuple[str, str, int, str]  # a line's name and lane, priority, owner


class Rounds:
    """The places of a line are its rounds: an owner has one job in each."""

    def __init__(self) -> None:
        self._last: dict[Turn, Place] = {}

    def place(self, job: Job, arrived: Place, waiting: Iterable[LiveJob]) -> Place:
        """Where a job goes that would go to `arrived` if there were no turns."""
        turn = job.name, job.lane, job.priority, job.owner
        last = self._last.get(turn, (-job.priority, 0))
        rounds = (live.place for live in waiting if _is_beside(live.job, job) and live.place > last)
        found = min(rounds, default=arrived)
        if turn not in self._last:
            self._forget(turn, found)
        self._last[turn] = found
        return found

    def _forget(self, turn: Turn, first: Place) -> None:
        """Owners whose last job is before the first round may have any turn."""
        gone = [other for other, last in self._last.items() if other[:3] == turn[:3] and last < first]
        for other in gone:
            del self._last[other]


def _is_beside(job: Job, other: Job) -> bool:
    return (job.name, job.lane, job.priority) == (other.name, other.lane, other.priority)
