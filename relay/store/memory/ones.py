"""Which job of the store in memory stands for a `Job.unique`: others that ask for the same join it."""

from __future__ import annotations

from relay.model.job import Job
from relay.model.state import State


class Ones:
    """Ids of jobs that live, and for a while of those that succeeded. Times are milliseconds."""

    def __init__(self) -> None:
        self._ids: dict[str, tuple[str, int]] = {}  # by `unique`, with until when; 0 while it lives

    def find(self, unique: str, now: int) -> str:
        """The id of the job that stands for it; "" for none."""
        id, until = self._ids.get(unique, ("", 0))
        return id if not until or now < until else ""

    def add(self, id: str, job: Job) -> None:
        """A job stands for what it does."""
        if job.unique:
            self._ids[job.unique] = id, 0

    def restore(self, id: str, job: Job) -> None:
        """The same of one that was forgotten, unless there is another by now."""
        if job.unique:
            self._ids.setdefault(job.unique, (id, 0))

    def end(self, id: str, job: Job, state: State, now: int) -> None:
        """A job has ended: its outcome is the answer for a while, if it succeeded."""
        if self._ids.get(job.unique, ("", 0))[0] != id:
            return
        if state is State.SUCCEEDED and job.fresh:
            self._ids[job.unique] = id, now + job.fresh
        else:
            del self._ids[job.unique]
