"""The watchdog of a reactor that stands still, with a clock and a reactor that beats when the test says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from relay.worker.sight import Sight
from relay.worker.watchdog import BEAT, NOTICE, Watchdog
from tests.worker.test_session import claim

PLACE = "mine.py:7 in charge"


class Scene:
    """A watchdog and what it looks at; also the lease that it renews."""

    def __init__(self, lease: float = 9, stall: float = 60) -> None:
        self.clock = Clock()
        self.sight = Sight(claim(1), PLACE)
        self.renewals: list[float] = []
        self.blames: list[tuple[str, bool]] = []
        self.answer: bool | Exception = True
        self.slow = 0.0  # seconds that the store takes
        self.closed = 0
        self.ended: list[float] = []
        watched: Any = self
        self.told: list[tuple[str, str, float]] = []
        self.watchdog = Watchdog(
            *(self.look, lambda: 3, watched, lease, stall, self.clock.seconds, self.end, self.tell)
        )

    def tell(self, id: str, job: str, seconds: float) -> None:
        self.told.append((id, job, seconds))

    def look(self) -> Sight:
        return self.sight

    def end(self) -> None:
        self.ended.append(self.clock.seconds())

    def renew(self, blame: str = "", last: bool = False) -> bool:
        if blame:
            self.blames.append((blame, last))
        else:
            self.renewals.append(self.clock.seconds())
        self.clock.advance(self.slow)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        self.closed += 1

    def run(self, seconds: float, beats: bool = False) -> None:
        until = self.clock.seconds() + seconds
        while self.clock.seconds() < until and not self.ended:
            self.clock.advance(BEAT)
            if beats:
                self.watchdog.beat()
            self.watchdog.tick()


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    seen: list[LogEvent] = []

    def watch(event: LogEvent) -> None:
        if event["log_namespace"] == "relay.worker.watchdog.Watchdog":
            seen.append(event)

    globalLogPublisher.addObserver(watch)
    yield seen
    globalLogPublisher.removeObserver(watch)


def test_a_standstill_is_told_once_with_its_job() -> None:
    scene = Scene()
    scene.run(5)
    assert scene.told == [(claim(1).id, claim(1).job.name, 1.0)]
    scene.run(1, beats=True)
    scene.sight = Sight(None, PLACE)
    scene.run(5)
    assert scene.told[1:] == [("", "", 1.0)]


def test_a_standstill_is_logged_once_and_again_when_it_is_over(events: list[LogEvent]) -> None:
    scene = Scene()
    scene.run(5, beats=True)
    scene.run(NOTICE - BEAT)
    assert events == []
    scene.run(5)
    (event,) = events
    assert (event["id"], event["name"], event["where"]) == ("0-a-1", "echo", PLACE)
    scene.run(1, beats=True)
    _, over = events
    assert 5.5 <= over["seconds"] <= 6.5
    assert scene.closed == 1
    scene.run(3)
    assert len(events) == 3


def test_the_lease_is_renewed_while_the_worker_lives_and_not_before_it_is_needed() -> None:
    scene = Scene(lease=9)
    scene.run(2.5)
    assert scene.renewals == []
    scene.run(20)
    pauses = [b - a for a, b in zip([0, *scene.renewals], scene.renewals, strict=False)]
    assert len(pauses) == 7
    assert max(pauses) <= 9 / 3 + BEAT
    before = len(scene.renewals)
    scene.run(60, beats=True)
    assert len(scene.renewals) == before


def test_a_short_lease_is_renewed_before_the_standstill_is_one() -> None:
    scene = Scene(lease=1)
    scene.run(0.75)
    assert scene.renewals == [0.5]


def test_past_the_bound_the_job_is_blamed_and_the_process_ended(no_logged_failures: list[LogEvent]) -> None:
    scene = Scene(stall=60)
    scene.run(100)
    (at,) = scene.ended
    assert 60 <= at <= 60 + 2 * BEAT
    assert scene.blames == [("0-a-1", True)]
    assert no_logged_failures.pop()["id"] == "0-a-1"


def test_the_process_is_ended_even_if_the_store_is_away(no_logged_failures: list[LogEvent]) -> None:
    """And in time: what the store took is counted."""
    scene = Scene(stall=30)
    scene.answer, scene.slow = ConnectionError("away"), 2.0
    scene.run(100)
    (at,) = scene.ended
    assert 30 <= at <= 30 + 2 + 2 + BEAT
    assert len(no_logged_failures) == 2
    no_logged_failures.clear()


def test_a_lease_that_can_not_be_renewed_is_logged_once(events: list[LogEvent]) -> None:
    scene = Scene(lease=3)
    scene.answer = ConnectionError("away")
    scene.run(20)
    assert sum("why" in event for event in events) == 1


def test_a_job_that_lost_its_workers_lease_is_blamed_for_that() -> None:
    scene = Scene(lease=9)
    scene.answer = False
    scene.run(4)
    assert scene.blames == [("0-a-1", False)]
    assert scene.ended == []


def test_jobs_that_block_one_after_the_other_have_each_their_own_bound(events: list[LogEvent]) -> None:
    """The reactor begins several jobs in one turn, without a beat between."""
    scene = Scene(stall=10)
    for number in range(5):
        scene.sight = Sight(claim(number), PLACE)
        scene.run(8)
    assert scene.ended == []
    assert [event["id"] for event in events if "id" in event] == [f"0-a-{number}" for number in range(5)]


def test_a_job_that_was_seen_once_is_remembered(no_logged_failures: list[LogEvent]) -> None:
    """Later its code may be seen without its job."""
    scene = Scene(stall=10)
    scene.run(5)
    scene.sight = Sight(None, PLACE)
    scene.run(10)
    assert scene.blames == [("0-a-1", True)]
    no_logged_failures.clear()


def test_an_unknown_culprit_is_a_place_and_a_count(
    events: list[LogEvent], no_logged_failures: list[LogEvent]
) -> None:
    scene = Scene(stall=5)
    scene.sight = Sight(None, PLACE)
    scene.run(10)
    assert (events[0]["where"], events[0]["running"]) == (PLACE, 3)
    assert scene.ended
    assert scene.blames == []
    no_logged_failures.clear()


def test_frames_that_can_not_be_read_are_no_reason_to_lose_the_lease(
    events: list[LogEvent], no_logged_failures: list[LogEvent]
) -> None:
    scene = Scene(lease=9, stall=10)
    scene.watchdog._look = lambda: Sight(None, str(1 / 0))
    scene.run(20)
    assert scene.renewals[:3] == [3, 6, 9]
    assert scene.ended
    assert "ZeroDivisionError" in events[0]["where"]
    no_logged_failures.clear()


def test_a_process_that_was_stopped_or_a_machine_that_slept_raises_no_alarm(events: list[LogEvent]) -> None:
    scene = Scene(stall=5)
    for _ in range(10):
        scene.run(1, beats=True)
        scene.clock.advance(3600)
        scene.watchdog.tick()  # before the reactor comes to its beat
    assert events == []
    assert scene.ended == []
