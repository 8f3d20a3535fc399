"""Outcomes that are too large for the inbox."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.model.problems.request import InternalError, NoSuchJob, StoreAway
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.submitting.fetching import Fetching
from relay.submitting.waiters import Waiters

ID = "0-epoch-a"
OUTCOME = Outcome(ID, "echo", State.SUCCEEDED, 1, 2, 3, 4, 1, '"large"')
RUNNING = JobStatus(ID, "echo", State.RUNNING, 1)


class Store:
    """Says what a test wants, one answer after the other."""

    def __init__(self) -> None:
        self.fetched: deque[Any] = deque()
        self.attached: deque[Any] = deque()
        self.is_another = False

    def minted_elsewhere(self, id: str) -> bool:
        return self.is_another

    async def fetch(self, id: str) -> Any:
        return _give(self.fetched)

    async def attach_all(self, ids: list[str]) -> Any:
        return [_give(self.attached)]


def _give(answers: deque[Any]) -> Any:
    answer = answers.popleft()
    if isinstance(answer, Exception):
        raise answer
    return answer


class Scene:
    def __init__(self) -> None:
        self.clock, self.store, self.waiters = Clock(), Store(), Waiters()
        self.resyncs = 0
        store: Any = self.store
        self.fetching = Fetching(self.clock, store, self.waiters, self.resync)
        self.told: list[Any] = []
        self.waiter = self.waiters.wait(ID).addBoth(self.told.append)

    def resync(self, partition: int) -> None:
        self.resyncs += 1

    def fetch(self, *fetched: Any, attached: Any = ()) -> Any:
        """What the waiter is told."""
        self.store.fetched.extend(fetched)
        self.store.attached.extend(attached)
        self.fetching.fetch(ID)
        self.clock.pump([0.5] * 100)
        assert self.clock.getDelayedCalls() == []
        return getattr(self.told[0], "type", self.told[0]) if self.told else None


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_outcome_is_told(scene: Scene) -> None:
    assert scene.fetch(OUTCOME) is OUTCOME


def test_a_store_that_is_away_is_asked_until_it_answers(scene: Scene) -> None:
    assert scene.fetch(*[StoreAway()] * 15, OUTCOME) is OUTCOME


def test_one_that_is_kept_no_longer_is_told_to_be_gone(scene: Scene) -> None:
    assert scene.fetch(None, attached=[None]) is NoSuchJob


def test_a_store_that_went_away_in_between_is_asked_from_the_start(scene: Scene) -> None:
    assert scene.fetch(None, OUTCOME, attached=[StoreAway()]) is OUTCOME


def test_a_job_that_runs_again_is_waited_for(scene: Scene) -> None:
    assert scene.fetch(None, attached=[RUNNING]) is None
    assert ID in scene.waiters


def test_where_history_was_lost_the_repair_decides(scene: Scene) -> None:
    scene.store.is_another = True
    assert scene.fetch(None, attached=[None]) is None
    assert scene.resyncs == 1
    assert ID in scene.waiters


def test_an_outcome_that_can_not_be_read_is_told_to_be_lost(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    assert scene.fetch(ValueError()) is InternalError
    no_logged_failures.clear()


def test_nothing_is_asked_for_a_client_that_has_gone(scene: Scene) -> None:
    scene.store.fetched.append(StoreAway())
    scene.fetching.fetch(ID)
    scene.waiter.cancel()
    scene.clock.pump([0.5] * 10)
    assert scene.clock.getDelayedCalls() == []


def test_what_is_under_way_can_be_stopped(scene: Scene) -> None:
    scene.store.fetched.append(StoreAway())
    scene.fetching.fetch(ID)
    scene.fetching.stop()
    assert scene.clock.getDelayedCalls() == []
    assert scene.told == []
