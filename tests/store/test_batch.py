"""Batching: at once while nothing is under way, else together."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.model.problems.request import StoreAway
from relay.redis.connection import LinkLost
from relay.store.batch import Batch


class Wire:
    """Keeps what was sent until the test answers it."""

    def __init__(self) -> None:
        self.sent: list[tuple[list[str], bool, Deferred[Any]]] = []

    def send(self, items: list[str], again: bool) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self.sent.append((items, again, answer))
        return answer

    def batches(self) -> list[tuple[list[str], bool]]:
        return [(items, again) for items, again, _ in self.sent]

    def answer(self) -> None:
        items, _, answer = self.sent[-1]
        answer.callback([item.upper() for item in items])


def add(batch: Batch[str, str], *items: str, size: int = 1) -> list[Deferred[str]]:
    return [batch.add(item, size) for item in items]


def results(deferreds: list[Deferred[str]]) -> list[Any]:
    got: list[Any] = []
    for deferred in deferreds:
        deferred.addBoth(got.append)
    return got


def test_what_comes_while_one_is_under_way_rides_on_the_next() -> None:
    wire = Wire()
    batch: Batch[str, str] = Batch(Clock(), wire.send, 2)
    got = results(add(batch, "a", "b", "c"))
    assert wire.batches() == [(["a"], False)]
    wire.answer()
    assert wire.batches() == [(["a"], False), (["b", "c"], False)]
    wire.answer()
    assert got == ["A", "B", "C"]
    assert len(wire.sent) == 2


def test_a_group_goes_out_as_soon_as_it_is_full_whatever_is_under_way() -> None:
    wire = Wire()
    batch: Batch[str, str] = Batch(Clock(), wire.send, 2, enough=2, most_bytes=10)
    got = results(add(batch, *"abcd"))
    assert wire.batches() == [(["a"], False), (["b", "c"], False)]
    for items, _, answer in wire.sent[:2]:
        answer.callback([item.upper() for item in items])
    assert wire.batches()[2] == (["d"], False)
    results(add(batch, "e", size=9))
    results(add(batch, "f", size=99))
    assert wire.batches()[3] == (["e"], False)
    assert got == ["A", "B", "C"]


def test_what_has_no_answer_in_time_fails_and_is_not_sent_again() -> None:
    wire, clock = Wire(), Clock()
    batch: Batch[str, str] = Batch(clock, wire.send, 2)
    got = results(add(batch, "a", "b"))
    clock.advance(2)
    assert [failure.type for failure in got] == [StoreAway, StoreAway]
    got = results(add(batch, "d"))
    assert wire.batches()[-1] == (["d"], False)
    wire.answer()
    assert got == ["D"]
    clock.advance(2)
    assert clock.getDelayedCalls() == []


def test_each_has_its_own_time() -> None:
    wire, clock = Wire(), Clock()
    batch: Batch[str, str] = Batch(clock, wire.send, 2)
    first = results(add(batch, "a"))
    clock.advance(1)
    second = results(add(batch, "b"))
    clock.advance(1)
    assert [failure.type for failure in first] == [StoreAway]
    clock.advance(0.5)
    assert second == []
    clock.advance(0.5)
    assert [failure.type for failure in second] == [StoreAway]
    assert clock.getDelayedCalls() == []


def test_a_lost_connection_sends_the_same_items_again_and_says_so() -> None:
    wire = Wire()
    batch: Batch[str, str] = Batch(Clock(), wire.send, 2)
    got = results(add(batch, "a"))
    wire.sent[0][2].errback(LinkLost())
    assert wire.batches() == [(["a"], False), (["a"], True)]
    wire.answer()
    assert got == ["A"]


def test_who_does_not_wait_any_more_is_not_sent_for() -> None:
    wire = Wire()
    batch: Batch[str, str] = Batch(Clock(), wire.send, 2)
    first, second, third = add(batch, "a", "b", "c")
    got = results([first, second, third])
    second.cancel()
    first.cancel()
    wire.sent[0][2].errback(LinkLost())
    assert wire.batches() == [(["a"], False), (["c"], False)]
    wire.answer()
    assert [getattr(g, "type", g) for g in got] == [CancelledError, CancelledError, "C"]


def test_the_failure_of_one_is_not_that_of_the_others() -> None:
    wire = Wire()
    batch: Batch[str, str] = Batch(Clock(), wire.send, 2)
    got = results(add(batch, "x", "a", "b"))
    wire.answer()
    wire.sent[-1][2].callback([KeyError("a"), "B"])
    assert got[2] == "B"
    assert got[1].check(KeyError)


def test_another_error_fails_all_that_were_under_way() -> None:
    wire = Wire()
    batch: Batch[str, str] = Batch(Clock(), wire.send, 2)
    got = results(add(batch, "a", "b"))
    wire.sent[0][2].errback(RuntimeError("no"))
    assert got[0].check(RuntimeError)
    wire.answer()
    assert got[1] == "B"


def test_what_is_added_by_an_answer_is_sent() -> None:
    wire = Wire()
    batch: Batch[str, str] = Batch(Clock(), wire.send, 2)
    batch.add("a", 1).addCallback(lambda _: batch.add("b", 1))
    wire.answer()
    wire.answer()
    assert wire.batches() == [(["a"], False), (["b"], False)]


def test_a_command_that_can_not_be_made_fails_its_items_and_nothing_else() -> None:
    wire = Wire()
    sent, wire.send = wire.send, lambda items, again: 1 / 0  # type: ignore[method-assign, assignment]
    batch: Batch[str, str] = Batch(Clock(), lambda items, again: wire.send(items, again), 2)
    got = results(add(batch, "a"))
    assert got[0].check(ZeroDivisionError)
    wire.send = sent  # type: ignore[method-assign]
    got = results(add(batch, "b"))
    wire.answer()
    assert got == ["B"]


def test_answers_that_are_not_one_for_each_item_are_nobodys() -> None:
    wire, clock = Wire(), Clock()
    batch: Batch[str, str] = Batch(clock, wire.send, 2)
    got = results(add(batch, "x", "a", "b"))
    wire.answer()
    wire.sent[-1][2].callback(["A"])
    assert [failure.type for failure in got[1:]] == [StoreAway, StoreAway]
    clock.advance(2)
    assert clock.getDelayedCalls() == []


def test_one_that_fails_to_hear_its_answer_takes_no_other_along(no_logged_failures: list[LogEvent]) -> None:
    class Deaf:
        called = False

        def callback(self, answer: str) -> None:
            raise ValueError

        errback = callback

    wire = Wire()
    batch = Batch[str, str](Clock(), wire.send, deadline=10)
    add(batch, "a")
    deaf: Any = Deaf()
    batch.put("b", 1, deaf)
    (last,) = add(batch, "c")
    for _ in range(2):
        wire.answer()
    assert results([last]) == ["C"]
    assert len(no_logged_failures) == 1
    no_logged_failures.clear()
