"""A worker looks at its schedules: when, and what it does if one goes wrong or the store is away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from relay.model.problems.request import NotDurable, StoreAway
from relay.model.schedule import Schedule
from relay.store.memory.store import FIRST, MemoryStore
from relay.store.memory.workers import MemoryWorkerStore
from relay.store.roster import Roster
from relay.store.schedules import Firing, ScheduleStatus, text_of
from relay.store.terms import StoreSettings
from relay.worker import former_homes
from relay.worker.firings import REST, Firings
from tests.store.test_store import declared


class Watched(MemoryWorkerStore):
    """Counts looks, and is away as often as a test says."""

    looks = 0
    away = 0
    broken = ""
    not_provable = ""
    full = False

    async def schedules(self, marks: Mapping[str, str]) -> tuple[int, list[ScheduleStatus]]:
        self.looks += 1
        if self.away:
            self.away -= 1
            raise StoreAway
        return await super().schedules(marks)

    async def fire(self, firing: Firing) -> bool:
        if firing.name == self.broken:
            raise ZeroDivisionError
        if firing.name == self.not_provable and firing.job is not None:
            raise NotDurable("it has no replica")
        return not self.full and await super().fire(firing)


class Scene:
    def __init__(self, **schedules: Schedule) -> None:
        self.clock = Clock()
        self.data = MemoryStore(self.clock, StoreSettings(60, 10, 100))
        self.store = Watched(self.data, "worker")
        self.served = served = [
            msgspec.structs.replace(declared(name), schedule=schedule) for name, schedule in schedules.items()
        ]
        self.roster = roster = Roster(served)
        self.firings = Firings(self.clock, self.store, served, roster)
        run(self.store.publish(roster))

    def look(self) -> None:
        run(self.firings.look())

    def jobs(self) -> list[str]:
        return sorted(live.job.name for live in self.data.data.jobs.values())


def run(coroutine: Any) -> None:
    assert not isinstance(ensureDeferred(coroutine).result, Failure)


SECOND = Schedule(every=1)


def test_a_worker_looks_again_when_a_firing_is_due_before_the_usual_time() -> None:
    scene = Scene(tick=Schedule(every=7))
    assert scene.firings
    scene.look()
    due = (7 - FIRST // 1000 % 7) % 7 or 7
    scene.clock.advance(due - 0.4)
    scene.look()
    assert (scene.store.looks, scene.jobs()) == (2, [])
    scene.clock.advance(0.4)
    assert (scene.store.looks, scene.jobs()) == (3, ["tick"])
    assert scene.clock.getDelayedCalls() == []


def test_a_worker_that_looks_seldom_makes_each_firing_when_it_is_due() -> None:
    scene = Scene(tick=Schedule(every=7, catch_up="none"))
    scene.firings = Firings(scene.clock, scene.store, scene.served, Roster(scene.served), pause=86_400)
    scene.look()
    for _ in range(70):
        scene.clock.advance(1)
    assert scene.jobs() == ["tick"] * 10


def test_a_worker_that_stops_looks_no_more() -> None:
    scene = Scene(tick=SECOND)
    for _ in range(2):
        scene.look()
    assert len(scene.clock.getDelayedCalls()) <= 1
    scene.firings.stop()
    assert scene.clock.getDelayedCalls() == []
    scene.look()
    assert scene.clock.getDelayedCalls() == []


def test_a_store_that_is_away_is_asked_by_the_next_look() -> None:
    scene = Scene(tick=SECOND)
    scene.store.away = 1
    scene.look()
    scene.look()
    scene.clock.advance(1)
    scene.look()
    assert scene.jobs() == ["tick"]


def test_after_a_loss_of_data_others_first_tell_what_they_run() -> None:
    scene = Scene(tick=SECOND)
    scene.firings.rest()
    scene.clock.advance(REST - 0.1)
    scene.look()
    assert scene.store.looks == 0
    scene.clock.advance(0.1)
    scene.look()
    assert scene.store.looks == 1


def test_a_schedule_that_goes_wrong_does_not_stop_the_others(no_logged_failures: list[LogEvent]) -> None:
    scene = Scene(bad=SECOND, good=SECOND)
    scene.look()
    scene.store.broken = "bad"
    scene.clock.advance(1)
    scene.look()
    assert scene.jobs() == ["good"]
    assert [event["name"] for event in no_logged_failures] == ["bad"]
    no_logged_failures.clear()


def test_what_was_missed_is_told_in_the_log(lines: list[str]) -> None:
    scene = Scene(tick=Schedule(every=60, catch_up="all"))
    scene.look()
    scene.clock.advance(600)
    scene.look()
    assert scene.jobs() == ["tick"] * 10
    assert any(line.endswith("10 firings are made up for") for line in lines)


def test_a_schedule_whose_job_can_not_be_durable_stays_due_which_is_said_once_and_others_are_fired(
    lines: list[str],
) -> None:
    scene = Scene(bad=SECOND, good=SECOND)
    scene.look()
    scene.store.not_provable = "bad"
    for _ in range(3):
        scene.clock.advance(1)
        scene.look()
    assert scene.jobs() == ["good"] * 3
    said = (
        "bad is not fired and stays due, because nothing can prove that its job is durable: it has no replica"
    )
    assert lines.count(said) == 1
    scene.store.not_provable = ""
    scene.look()
    assert scene.jobs() == ["bad", *["good"] * 3]
    scene.store.not_provable = "bad"
    scene.clock.advance(1)
    scene.look()
    assert lines.count(said) == 2


def test_a_schedule_that_makes_up_for_nothing_goes_on_from_its_next_firing(lines: list[str]) -> None:
    scene = Scene(tick=Schedule(every=60, catch_up="none"))
    scene.look()
    scene.clock.advance(650)
    scene.look()
    assert scene.jobs() == []
    assert any(line.endswith("0 firings are made up for") for line in lines)
    scene.clock.advance(30)
    scene.look()
    assert scene.jobs() == ["tick"]


def test_what_was_missed_is_told_when_it_is_made_up_for_and_not_while_that_is_held_up(
    lines: list[str],
) -> None:
    scene = Scene(tick=Schedule(every=60, catch_up="all"))
    scene.look()
    scene.store.full = True
    scene.clock.advance(600)
    for _ in range(3):
        scene.look()
    assert not any("made up for" in line for line in lines)
    scene.store.full = False
    scene.look()
    assert (sum("made up for" in line for line in lines), len(scene.jobs())) == (1, 10)


def test_a_worker_without_schedules_has_nothing_to_look_at() -> None:
    assert not Firings(Clock(), Scene().store, [declared("echo")], Roster([declared("echo")]))


# -- what may be in another partition, where it lived before --


def another(scene: Scene) -> Watched:
    """Another partition, which knows the same declarations; the firings begin anew."""
    other = Watched(MemoryStore(scene.clock, StoreSettings(60, 10, 100)), "worker")
    run(other.publish(scene.roster))
    scene.firings = Firings(scene.clock, scene.store, scene.served, scene.roster, others=[other])
    return other


def test_a_schedule_that_is_new_here_begins_once_all_partitions_have_said_that_they_do_not_know_it() -> None:
    scene = Scene(tick=SECOND)
    other = another(scene)
    other.away = 1
    scene.look()
    scene.clock.advance(former_homes.REST - 0.1)
    scene.look()
    assert other.looks == 1  # one that is away is not asked at each look
    scene.clock.advance(0.1)
    scene.look()
    assert scene.jobs() == []
    scene.clock.advance(1)
    scene.look()
    assert scene.jobs() == ["tick"]


def test_a_partition_that_is_away_keeps_no_schedule_that_is_known_here_from_being_fired() -> None:
    scene = Scene(tick=SECOND, other=Schedule(every=86_400))
    now = scene.data.data.now()
    run(scene.store.bring(ScheduleStatus("tick", now, text_of(SECOND), 0, 0, "")))
    another(scene).away = 1
    scene.look()
    assert scene.jobs() == ["tick"]


def test_a_schedule_that_changes_as_it_moves_is_counted_out_anew_and_stays_paused() -> None:
    scene = Scene(tick=Schedule(every=86_400))
    other = another(scene)
    run(other.bring(ScheduleStatus("tick", 1000, text_of(SECOND), 7, 0, "")))
    for _ in range(2):
        scene.look()
    (here,) = scene.data.data.schedules.all()
    assert (here.schedule, here.due > scene.data.data.now(), here.paused) == (Schedule(every=86_400), True, 7)
    assert other.data.schedules.all() == []
