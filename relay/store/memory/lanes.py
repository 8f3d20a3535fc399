"""The lanes of the store in memory: jobs under one limit, and which of them may go."""

from __future__ import annotations

from relay.store.memory.dataset import DataSet
from relay.store.memory.record import LiveJob

FULL_LOOK = 1000  # ms until a lane in which as many run as may is looked at again


class Lanes:
    """Says which jobs may go, and when those may that may not."""

    def __init__(self, data: DataSet) -> None:
        self._data = data
        self._shut: dict[tuple[str, str], int] = {}  # lines that let nothing go, and when they are looked at

    def may_go(self, live: LiveJob) -> bool:
        """Whether its limit lets a job go now."""
        lane, limits = live.job.lane, self._data.limits
        if not lane:
            return True
        room, at = limits.room(lane)
        most = limits.most(lane)
        is_full = bool(most) and self._running(lane) >= most
        if not is_full and (room < 0 or room >= 1):
            self._shut.pop(live.line, None)
            return True
        self._shut[live.line] = max(at, self._data.now() + FULL_LOOK) if most else at
        return False

    def is_shut(self, line: tuple[str, str]) -> bool:
        """Whether nothing of this line may go, as far as is known."""
        return line in self._shut

    def _running(self, lane: str) -> int:
        return sum(live.run is not None and live.job.lane == lane for live in self._data.jobs.values())

    def goes(self, live: LiveJob) -> None:
        """A job begins to run."""
        if live.job.lane:
            self._data.limits.record(live.job.lane, 1)

    def vacate(self, live: LiveJob) -> None:
        """A job runs no more: the next of its lane may."""
        if live.job.lane and self._data.limits.most(live.job.lane):
            self._shut.pop(live.line, None)
            self._data.wake(live.job.name, 1)

    def next_open(self) -> int | None:
        """When the first is looked at again in which jobs wait; None where all may go."""
        lines = {live.line for live in self._data.waiting()}
        self._shut = {line: at for line, at in self._shut.items() if line in lines}
        return min(self._shut.values(), default=None)
