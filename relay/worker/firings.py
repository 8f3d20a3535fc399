"""Fires the jobs of a worker's schedules when they are due. All workers look, and the store lets one of them do it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from relay.model.problems.base import RelayError
from relay.model.problems.request import NotDurable
from relay.model.schedule import ON_TIME, Schedule
from relay.store.messages import JobDefinition
from relay.store.parts import PartStore
from relay.store.roster import Roster
from relay.store.schedules import Firing, ScheduleStatus, firing_job, text_of
from relay.store.workers import WorkerStore
from relay.timing.timers import stop_timer
from relay.worker.former_homes import FormerHomes

LOOK = 1.0  # seconds between looks
REST = 3.0  # seconds after a loss of data, in which workers tell which jobs they run


class Firings:
    """Looks at the schedules that live in one partition, of those jobs whose declaration counts. Times are the
    partition's, in milliseconds."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: PartStore,
        served: Iterable[JobDefinition],
        roster: Roster,
        pause: float = LOOK,
        others: Sequence[PartStore] = (),
    ) -> None:
        """`pause`: seconds between looks. `others`: the other partitions, where schedules may have lived before."""
        self._pause = pause
        self._clock = clock
        self._store = store
        self._definitions = {each.name: each for each in served if each.schedule is not None}
        self._marks = {name: mark for name, mark, _ in roster if name in self._definitions}
        self._former = FormerHomes(clock, others, self._marks)
        self._held_up: set[str] = set()  # names that are due, and wait until their jobs can be durable
        self._rests_until = 0.0
        self._early: IDelayedCall | None = None
        self._is_stopped = False

    def __bool__(self) -> bool:
        """Whether there is any schedule."""
        return bool(self._definitions)

    def rest(self) -> None:
        """The partition may have forgotten what was fired: first let workers tell what they run."""
        self._rests_until = self._clock.seconds() + REST

    def stop(self) -> None:
        """Look no more."""
        self._is_stopped = True
        stop_timer(self._early)

    async def look(self) -> None:
        """Fire what is due, and look again when the next is, if that is before the usual time."""
        if self._clock.seconds() < self._rests_until:
            return
        try:
            now, known = await self._store.schedules(self._marks)
            here = [status for status in known if status.due >= 0]
            dues = [await self._go_on(status, now) for status in here]
            self._look_early(dues, now)
            await self._look_elsewhere(known, dues, now)
        except RelayError:
            return  # the next look finds a store that answers

    async def _look_elsewhere(self, known: list[ScheduleStatus], dues: list[int], now: int) -> None:
        """Begin schedules that are not known here, as they stood where they lived before, if they did."""
        new = [status for status in known if status.due < 0]
        found = await self._former.find([status.name for status in new])
        more = [await self._go_on(status, now, found.get(status.name)) for status in new]
        self._look_early([*dues, *more], now)
        await self._former.forget([status.name for status in known if status.due >= 0])

    def _look_early(self, dues: list[int], now: int) -> None:
        wait = min((due - now for due in dues if due > now), default=0)
        stop_timer(self._early)
        if 0 < wait < self._pause * 1000 and not self._is_stopped:
            self._early = self._clock.callLater(wait / 1000, self._look_now)

    def _look_now(self) -> None:
        ensureDeferred(self.look()).addErrback(
            lambda failure: self._log.failure("the schedules could not be looked at", failure)
        )

    async def _go_on(self, status: ScheduleStatus, now: int, moved: ScheduleStatus | None = None) -> int:
        """When a schedule is due next; 0 where that is not known, or it is paused. `moved`: as it stands elsewhere."""
        definition = self._definitions[status.name]
        schedule = definition.schedule
        assert schedule is not None
        try:
            if moved is not None:
                due = await self._bring(moved, schedule, now)
            elif status.text != text_of(schedule):
                due = await self._begin(status, schedule, now)
            elif not status.paused and status.due <= now:
                due = await self._fire(status, definition, schedule, now)
            else:
                due = status.due
        except NotDurable as error:
            due = self._hold_up(status.name, error)
        except RelayError:
            raise
        except Exception:  # of one schedule: the others are fired all the same
            self._log.failure("the schedule of {name} could not go on", name=status.name)
            due = 0
        return 0 if (moved or status).paused else due

    async def _bring(self, moved: ScheduleStatus, schedule: Schedule, now: int) -> int:
        """Its declaration has moved a schedule here."""
        text = text_of(schedule)
        due = moved.due if moved.text == text else schedule.next_after(now)
        if await self._store.bring(msgspec.structs.replace(moved, due=due, text=text)):
            self._log.info("{name} is fired in another partition from now on", name=moved.name)
        return due

    def _hold_up(self, name: str, error: NotDurable) -> int:
        """It stays due: a job that is added where nothing can prove it has an end that nobody could be told of."""
        if name not in self._held_up:
            self._held_up.add(name)
            self._log.warn(
                "{name} is not fired and stays due, because nothing can prove that its job is durable: {why}",
                name=name,
                why=str(error),
            )
        return 0

    async def _begin(self, status: ScheduleStatus, schedule: Schedule, now: int) -> int:
        """Nobody has counted out this schedule yet."""
        due, text = schedule.next_after(now), text_of(schedule)
        if await self._store.fire(Firing(status.name, status.due, due, text)):
            at = schedule.at(due).isoformat()
            self._log.info(
                "{name} is fired {when}, next at {at}", name=status.name, when=schedule.text, at=at
            )
        return due

    async def _fire(
        self, status: ScheduleStatus, definition: JobDefinition, schedule: Schedule, now: int
    ) -> int:
        times, following = schedule.to_fire(status.due, now), schedule.next_after(now)
        is_late = now - status.due > ON_TIME
        for firing in self._firings(status, definition, times, following):
            if not await self._store.fire(firing):
                return 0  # another worker does it, or there is no room now
            if is_late:
                is_late = False
                self._say_late(status, schedule, len(times))
        self._held_up.discard(status.name)
        return following

    def _firings(
        self, status: ScheduleStatus, definition: JobDefinition, times: Sequence[int], following: int
    ) -> Iterator[Firing]:
        """One for each of these times, or one that fires nothing."""
        seen, text = status.due, status.text
        if not times:
            yield Firing(status.name, seen, following, text)
            return
        for at, due in zip(times, [*times[1:], following], strict=True):
            job = firing_job(definition, self._store.mint_firing(), at)
            yield Firing(status.name, seen, due, text, at, job)
            seen = due

    def _say_late(self, status: ScheduleStatus, schedule: Schedule, count: int) -> None:
        self._log.info(
            "{name} was not fired since {at}: {count} firings are made up for",
            name=status.name,
            at=schedule.at(status.due).isoformat(),
            count=count,
        )


def firings_of(
    clock: IReactorTime, store: WorkerStore, served: Iterable[JobDefinition], roster: Roster, pause: float
) -> dict[int, Firings]:
    """Those of a worker, by partitions: where a schedule lives its job is added, in one script."""
    homes: dict[int, list[JobDefinition]] = {}
    for definition in served:
        if definition.schedule is not None:
            homes.setdefault(store.home_of(definition), []).append(definition)
    parts = store.parts
    return {
        home: Firings(clock, parts[home], some, roster, pause, [*parts[:home], *parts[home + 1 :]])
        for home, some in homes.items()
    }
