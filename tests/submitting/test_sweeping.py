"""Whose turn it is to be swept, and what follows from what a sweep found."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from relay.model.problems.base import RelayError
from relay.model.problems.request import StoreAway
from relay.store.messages import Sweep
from relay.submitting.sweeping import Sweeping


class Scene:
    """A store with three partitions, and what hears of its sweeps."""

    inbox = "front"
    partitions = 3

    def __init__(self) -> None:
        self.on_data_loss: list[Any] = []
        self.away: set[int] = set()
        self.mute: set[int] = set()  # partitions whose answers are lost
        self.lost: set[int] = {0, 1, 2}  # partitions without our inbox
        self.awaited: set[int] = {0, 1, 2}  # partitions of which a job is waited for
        self.swept: list[int] = []
        self.expected: list[int] = []
        self.repaired: list[int] = []
        self.heard: list[int] = []
        self.missed: list[int] = []
        known: Any = self
        self.sweeping = Sweeping(known, known, known, self.hear, self.miss)

    def up(self) -> list[int]:
        return [number for number in range(3) if number not in self.away] or [0, 1, 2]

    async def sweep(self, partition: int) -> Sweep:
        self.swept.append(partition)
        if partition in self.away:
            raise StoreAway
        there = partition not in self.lost
        self.lost.discard(partition)
        if partition in self.mute:
            raise StoreAway
        return Sweep(there, 1, [])

    def expect(self, partition: int) -> None:
        self.expected.append(partition)

    def is_needed(self, partition: int) -> bool:
        return partition in self.awaited

    def soon(self, partition: int) -> None:
        self.repaired.append(partition)

    async def hear(self, partition: int, swept: Sweep) -> None:
        self.heard.append(partition)

    def miss(self, partition: int, error: RelayError) -> None:
        self.missed.append(partition)

    def turn(self) -> list[int]:
        """The partitions that are swept in one second."""
        before = len(self.swept)
        Deferred.fromCoroutine(self.sweeping.sweep())
        return sorted(self.swept[before:])


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_all_are_swept_at_first_and_then_one_after_the_other(scene: Scene) -> None:
    assert scene.turn() == [0, 1, 2]
    turns = [scene.turn() for _ in range(6)]
    assert sorted(turns[:3]) == [[0], [1], [2]]
    assert turns[3:] == turns[:3]
    assert scene.expected == scene.heard == scene.swept


def test_one_that_is_away_keeps_no_other_from_being_swept(scene: Scene) -> None:
    scene.away = {1}
    assert scene.turn() in ([0, 2], [0, 1, 2])
    turns = [scene.turn() for _ in range(6)]
    assert sorted(turns[:3]) == [[0], [1], [2]]
    assert set(scene.missed) == {1}
    assert set(scene.heard) == {0, 2}


def test_one_that_is_back_or_has_lost_its_data_is_swept_at_once(scene: Scene) -> None:
    """What ends there is not heard of before."""
    scene.away = {1}
    scene.turn()
    scene.away = set()
    assert 1 in scene.turn()
    scene.turn()
    scene.lost = {2}
    for listener in scene.on_data_loss:
        listener(2)
    assert 2 in scene.turn()


def test_where_the_inbox_was_not_what_was_waited_for_is_attached_again(scene: Scene) -> None:
    """Also after the first sweep: what was submitted while it was on its way may have ended before it."""
    scene.turn()
    assert sorted(scene.repaired) == [0, 1, 2]
    for _ in range(3):
        scene.turn()
    scene.lost = {0}
    for _ in range(3):
        scene.turn()
    assert sorted(scene.repaired) == [0, 0, 1, 2]


def test_where_nobody_waits_nothing_is_repaired(scene: Scene) -> None:
    scene.awaited = {2}
    scene.turn()
    assert scene.repaired == [2]


def test_where_the_answer_to_the_sweep_that_made_the_inbox_was_lost_it_is_attached_again_too(
    scene: Scene,
) -> None:
    """The next sweep finds an inbox that is there, and nobody else would know that it was not before."""
    scene.mute = {1}
    scene.turn()
    assert sorted(scene.repaired) == [0, 2]
    scene.mute = set()
    scene.turn()
    assert sorted(scene.repaired) == [0, 1, 2]
    for _ in range(6):
        scene.turn()
    assert sorted(scene.repaired) == [0, 1, 2]


def test_a_sweep_that_fails_once_costs_no_recovery_and_many_in_a_row_cost_one(scene: Scene) -> None:
    """An inbox outlives a moment without sweeps, but not a long time."""
    scene.turn()
    scene.repaired.clear()
    scene.mute = {1}
    while scene.missed.count(1) < 1:
        scene.turn()
    scene.mute = set()
    for _ in range(6):
        scene.turn()
    assert scene.repaired == []
    scene.mute = {1}
    while scene.missed.count(1) < 5:
        scene.turn()
    scene.mute = set()
    for _ in range(6):
        scene.turn()
    assert scene.repaired == [1]
