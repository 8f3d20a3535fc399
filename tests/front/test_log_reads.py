"""Logs are read by a few calls at a time, and once for all who want the same."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred

from relay.front.feeds.log_reads import AT_ONCE, LogRead, LogReads
from relay.model.problems.request import NoSuchJob, StoreAway
from relay.model.state import State
from relay.model.status import JobStatus
from relay.store.pieces import Listened

START = (0, 0)


def read(id: str) -> Listened:
    return Listened(JobStatus(id, "echo", State.RUNNING, 1), [], False, False)


class Store:
    """Answers when a test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._answers: list[Deferred[Listened]] = []

    async def listen(self, owner: str, id: str, after: tuple[int, int]) -> Listened:
        self.asked.append(id)
        self._answers.append(Deferred())
        return await self._answers[-1]

    def answer(self) -> None:
        """What was asked first, and is not answered."""
        self._answers.pop(0).callback(read(self.asked[-len(self._answers) - 1]))

    def fail(self, error: Exception) -> None:
        self._answers.pop(0).errback(error)


class Readers:
    """Those who want logs, and what became of them."""

    def __init__(self) -> None:
        self.store = Store()
        store: Any = self.store
        self._logs = LogReads(store)
        self.told: list[Any] = []
        self.asking: list[Deferred[Any]] = []

    def ask(self, id: str, owner: str = "me", count: int = 1) -> None:
        for _ in range(count):
            asking = ensureDeferred(self._logs.listen(owner, id, START))
            self.asking.append(asking.addBoth(self._told))

    def _told(self, result: Any) -> None:
        self.told.append(getattr(result, "value", result))


@pytest.fixture
def readers() -> Readers:
    return Readers()


def ids(count: int, partition: int = 0) -> list[str]:
    return [f"{partition}-memory-{number:016}" for number in range(count)]


def test_so_many_are_read_at_once(readers: Readers) -> None:
    for id in ids(AT_ONCE + 2):
        readers.ask(id)
    assert readers.store.asked == ids(AT_ONCE)
    readers.store.answer()
    assert readers.store.asked == ids(AT_ONCE + 1)
    for _ in range(AT_ONCE + 1):
        readers.store.answer()
    assert [each.read.known.id for each in readers.told] == ids(AT_ONCE + 2)


def test_another_partition_does_not_wait(readers: Readers) -> None:
    for id in (*ids(AT_ONCE + 1), *ids(1, partition=1)):
        readers.ask(id)
    assert readers.store.asked == [*ids(AT_ONCE), *ids(1, partition=1)]


def test_those_who_want_the_same_are_given_the_same_unless_it_may_be_older_than_they_asked(
    readers: Readers,
) -> None:
    (id,) = ids(1)
    readers.ask(id, count=100)
    assert readers.store.asked == [id] * AT_ONCE  # each of these was under way when the next one asked
    for _ in range(AT_ONCE):
        readers.store.answer()
    assert readers.store.asked == [id] * (AT_ONCE + 1)
    readers.store.answer()
    assert len(readers.told) == 100
    readers.ask(id)
    assert len(readers.store.asked) == AT_ONCE + 2


def test_owners_are_told_apart(readers: Readers) -> None:
    id, *others = ids(AT_ONCE + 1)
    for other in others:
        readers.ask(other)
    readers.ask(id, "me")
    readers.ask(id, "you")
    for _ in range(AT_ONCE):
        readers.store.answer()
    readers.store.answer()
    assert readers.store.asked[AT_ONCE:] == [id, id]
    readers.store.fail(NoSuchJob())
    assert len(readers.told) == AT_ONCE + 2
    assert isinstance(readers.told[-1], NoSuchJob)
    assert isinstance(readers.told[-2], LogRead)


def test_nobody_waits_for_a_store_that_is_away(readers: Readers) -> None:
    for id in ids(AT_ONCE + 20):
        readers.ask(id)
    readers.store.fail(StoreAway())
    assert [type(told) for told in readers.told] == [StoreAway] * 21
    for _ in range(AT_ONCE - 1):
        readers.store.answer()
    assert len(readers.store.asked) == AT_ONCE
    readers.ask(ids(1)[0])
    assert len(readers.store.asked) == AT_ONCE + 1


def test_what_nobody_wants_any_more_is_not_read(readers: Readers) -> None:
    first, *rest = ids(AT_ONCE + 2)
    for id in (first, *rest):
        readers.ask(id)
    readers.asking[AT_ONCE].cancel()
    readers.store.answer()
    assert readers.store.asked == [*ids(AT_ONCE), rest[-1]]
    assert isinstance(readers.told[0], CancelledError)
