"""Where jobs go that may live anywhere: together with others that are on their way, else to one after the other."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.store.any_partition import AnyPartition
from relay.store.batch import Batch

ENOUGH = 4


class Part:
    """A partition, and the batches on their way to it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.takes = True
        self.sent: list[list[str]] = []
        self.answers: list[Deferred[Any]] = []
        self.batch: Batch[str, str] = Batch(Clock(), self.send, 1.8, ENOUGH)

    def send(self, items: list[str], again: bool) -> Deferred[Any]:
        self.sent.append(items)
        self.answers.append(Deferred())
        return self.answers[-1]

    def answer(self) -> None:
        self.answers.pop(0).callback(self.sent[-1])


class Scene:
    def __init__(self) -> None:
        self.parts = [Part(number) for number in range(3)]
        submissions: Any = {part: part.batch for part in self.parts}
        self.any = AnyPartition(submissions)

    def submit(self, count: int = 1) -> list[int]:
        """Where so many jobs go that come at once."""
        went = []
        for _ in range(count):
            part: Any = self.any.next()
            part.batch.add("job", 1).addErrback(lambda _: None)
            went.append(part.number)
        return went


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_jobs_that_come_one_by_one_go_to_one_partition_after_the_other(scene: Scene) -> None:
    went = []
    for _ in range(6):
        went += scene.submit()
        scene.parts[went[-1]].answer()
    assert sorted(went[:3]) == sorted(went[3:]) == [0, 1, 2]


def test_jobs_that_come_together_go_together(scene: Scene) -> None:
    first, *others = scene.submit(ENOUGH)
    assert others == [first] * (ENOUGH - 1)
    scene.parts[first].answer()
    assert [len(items) for items in scene.parts[first].sent] == [1, ENOUGH - 1]


def test_the_next_partition_has_its_turn_when_a_batch_was_full_before_the_one_in_front_was_answered(
    scene: Scene,
) -> None:
    went = scene.submit(3 * (1 + ENOUGH))
    assert [went.count(number) for number in range(3)] == [1 + ENOUGH] * 3
    assert len(set(went[: 1 + ENOUGH])) == 1


def test_one_that_takes_no_jobs_is_passed_over(scene: Scene) -> None:
    scene.parts[1].takes = False
    assert 1 not in scene.submit(20)
    (first,) = scene.submit()
    scene.parts[first].takes = False
    assert set(scene.submit(20)).isdisjoint({1, first})


def test_where_none_takes_jobs_one_is_named_all_the_same(scene: Scene) -> None:
    for part in scene.parts:
        part.takes = False
    assert set(scene.submit(6)) == {0, 1, 2}
