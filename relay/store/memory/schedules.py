"""The schedules of the store in memory: when each job is fired next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from relay.store.messages import Submission
from relay.store.schedules import Firing, ScheduleStatus


@dataclass(slots=True)
class KeptSchedule:
    """One of them. Times are milliseconds, 0 for none."""

    due: int
    text: str
    fired: int = 0
    id: str = ""
    paused: int = 0


class Schedules:
    """By the names of their jobs."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._kept: dict[str, KeptSchedule] = {}

    def all(self) -> list[ScheduleStatus]:
        return [self._status(name, kept) for name, kept in self._kept.items()]

    def of(self, marks: Mapping[str, str], counts: Callable[[str, str], bool]) -> Iterator[ScheduleStatus]:
        """Those of jobs whose declaration (a mark, by name; "": any) counts, also of such as have none yet."""
        for name, mark in marks.items():
            if not mark or counts(name, mark):
                yield self._status(name, self._kept.get(name, KeptSchedule(-1, "")))

    def fire(self, firing: Firing, add: Callable[[Submission], str]) -> bool:
        """Go on to the next firing, unless another has, or it is paused; `add` gives the id of the job that is there
        for this one, "" if there is no room."""
        kept = self._kept.get(firing.name, KeptSchedule(-1, ""))
        if kept.due != firing.seen:
            return False
        if firing.job is not None:
            id = "" if kept.paused else add(firing.job)
            if not id:
                return False
            kept.fired, kept.id = firing.at, id
        kept.due, kept.text = firing.due, firing.text
        self._kept[firing.name] = kept
        return True

    def bring(self, moved: ScheduleStatus) -> bool:
        """Go on as it stood elsewhere; False for one that is known."""
        is_new = moved.name not in self._kept
        if is_new:
            kept = KeptSchedule(moved.due, moved.text, moved.fired, moved.id, moved.paused)
            self._kept[moved.name] = kept
        return is_new

    def forget(self, marks: Mapping[str, str], counts: Callable[[str, str], bool]) -> bool:
        """Remove those of jobs whose declaration counts; whether all do."""
        gone = [name for name, mark in marks.items() if counts(name, mark)]
        for name in gone:
            self.remove(name)
        return len(gone) == len(marks)

    def pause(self, name: str, on: bool) -> bool:
        """It fires no more, or again; False for a schedule that there is not."""
        kept = self._kept.get(name)
        if kept is not None:
            kept.paused = (kept.paused or self._now()) if on else 0
        return kept is not None

    def remove(self, name: str) -> None:
        """Its job has no schedule any more."""
        self._kept.pop(name, None)

    def _status(self, name: str, kept: KeptSchedule) -> ScheduleStatus:
        return ScheduleStatus(name, kept.due, kept.text, kept.paused, kept.fired, kept.id)
