"""After Redis forgot: nobody who waits is left alone, whatever goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.model.problems.job import Interrupted
from relay.model.problems.request import QueueFull, StoreAway, StoreReset
from relay.model.state import State
from relay.model.status import Outcome
from relay.store.messages import Receipt, Submission
from relay.submitting.recovery import _SLICE, PAUSE, Recovery
from relay.submitting.waiters import Waiters
from tests.store.test_store import a_job
from tests.submitting.test_waiters import KEPT


def outcome(id: str) -> Outcome:
    return Outcome(id, "echo", State.SUCCEEDED, 1, 2, 3, 4, 1, "1")


class Store:
    """Knows how everything ended, once it no longer fails."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}  # by an id of the call
        self.calls = 0

    async def attach_all(self, ids: list[str]) -> list[Outcome]:
        self.calls += 1
        for id in ids:
            if id in self.fails:
                raise self.fails[id]
        return [outcome(id) for id in ids]


@pytest.mark.parametrize("error", [StoreAway(), ValueError(), KeyError("x"), RuntimeError()])
def test_what_could_not_be_attached_is_attached_later(
    error: Exception, no_logged_failures: list[LogEvent]
) -> None:
    clock, store, waiters = Clock(), Store(), Waiters()
    told: list[Any] = []
    waiters.wait("a").addBoth(told.append)
    store.fails["a"] = error
    known: Any = store
    recovery = Recovery(clock, known, waiters)
    recovery.soon()
    clock.pump([PAUSE] * 60)
    assert 3 < store.calls < 15
    assert told == []
    store.fails.clear()
    clock.pump([PAUSE] * 10)
    assert told == [outcome("a")]
    assert clock.getDelayedCalls() == []
    no_logged_failures.clear()


def test_a_job_that_can_not_be_read_keeps_those_of_other_calls_from_nothing(
    no_logged_failures: list[LogEvent],
) -> None:
    clock, store, waiters = Clock(), Store(), Waiters()
    told: list[Any] = []
    ids = [str(number) for number in range(3 * _SLICE)]
    for id in ids:
        waiters.wait(id).addBoth(told.append)
    store.fails[ids[0]] = ValueError()
    known: Any = store
    recovery = Recovery(clock, known, waiters)
    recovery.soon()
    clock.advance(PAUSE)
    assert len(told) == 2 * _SLICE
    recovery.stop()
    no_logged_failures.clear()


class Forgetful(Store):
    """Knows none of those jobs; what is submitted again is told of in `receipts`, by id."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts: dict[str, Receipt | Exception] = {}
        self.again: list[str] = []
        self.now = lambda: 5_000.0

    async def attach_all(self, ids: list[str]) -> list[Outcome | None]:  # type: ignore[override]
        await super().attach_all(ids)
        return [None] * len(ids)

    async def submit_again(self, submissions: list[Submission]) -> list[Receipt | Exception]:
        self.again += [submission.id for submission in submissions]
        return [self.receipts[submission.id] for submission in submissions]


def lost(store: Store) -> tuple[Clock, Waiters, Recovery]:
    """A front whose store has forgotten."""
    clock, room, known = Clock(), Waiters(), store
    repair = Recovery(clock, known, room)  # type: ignore[arg-type]
    repair.soon()
    repair.soon()  # said twice it is one repair
    return clock, room, repair


def waited(room: Waiters, id: str, once: bool = False, pledged: bool = True) -> list[Any]:
    """What somebody is told who waits for a job."""
    told: list[Any] = []
    room.wait(id).addBoth(lambda result: told.append(getattr(result, "value", result)))
    if pledged:
        room.keep(id, Submission(id, a_job(once=once)))
    return told


def test_what_the_store_has_forgotten_is_submitted_again_and_waited_for_under_its_id() -> None:
    store = Forgetful()
    clock, room, _ = lost(store)
    told = waited(room, "a")
    store.receipts["a"] = Receipt("a", 1, True)
    clock.advance(PAUSE)
    assert (store.again, told) == (["a"], [])
    room.tell(outcome("a"))
    assert told == [outcome("a")]


def test_a_key_that_stands_for_another_job_by_now_moves_who_waits_to_that_one() -> None:
    store = Forgetful()
    clock, room, _ = lost(store)
    runs, ended = waited(room, "a"), waited(room, "b")
    store.receipts = {"a": Receipt("c", 1, False), "b": Receipt("d", 1, False, outcome("d"))}
    clock.advance(PAUSE)
    assert (runs, ended) == ([], [outcome("d")])
    room.tell(outcome("c"))
    assert runs == [outcome("c")]


def test_who_was_moved_to_another_job_is_not_left_alone_when_that_one_is_forgotten_too() -> None:
    store, clock, room = Forgetful(), Clock(), Waiters()
    repair = Recovery(clock, store, room)  # type: ignore[arg-type]
    there, told = waited(room, "0-epoch-b"), waited(room, "1-epoch-a")
    store.receipts = {"1-epoch-a": Receipt("1-epoch-c", 1, False), "1-epoch-c": Receipt("1-epoch-c", 2, True)}
    for again in ("1-epoch-a", "1-epoch-c"):
        repair.soon(1)
        clock.advance(PAUSE)
        assert (store.again[-1], room.ids_of(1), told) == (again, ["1-epoch-c"], [])
    room.tell(outcome("1-epoch-c"))
    assert (told, there) == ([outcome("1-epoch-c")], [])


def test_whoever_leaves_after_it_was_moved_leaves_nothing_behind() -> None:
    store = Forgetful()
    clock, room, _ = lost(store)
    waiter = room.wait("a")
    waiter.addErrback(lambda failure: failure.trap(CancelledError) and None)
    room.keep("a", Submission("a", a_job()))
    store.receipts["a"] = Receipt("c", 1, False)
    clock.advance(PAUSE)
    assert room.ids_of(0) == ["c"]
    waiter.cancel()
    assert len(room) == 0


def test_one_that_is_moved_to_a_job_whose_outcome_came_first_is_told() -> None:
    store = Forgetful()
    clock, room, _ = lost(store)
    told = waited(room, "a")
    room.arrived("c", KEPT)
    store.receipts["a"] = Receipt("c", 1, False)
    clock.advance(PAUSE)
    assert [ended.id for ended in told] == ["c"]
    assert len(room) == 0


def test_one_that_may_not_run_twice_or_was_never_submitted_here_is_not_submitted_again() -> None:
    """And one that is refused now has its problem."""
    store = Forgetful()
    clock, room, _ = lost(store)
    once, attached, refused = (
        waited(room, "a", once=True),
        waited(room, "b", pledged=False),
        waited(room, "c"),
    )
    store.receipts["c"] = QueueFull()
    clock.advance(PAUSE)
    assert store.again == ["c"]
    assert [type(told[0]) for told in (attached, refused)] == [StoreReset, QueueFull]
    assert (once[0].state, once[0].payload) == (State.FAILED, Interrupted.slug)  # and nobody is cut off
    assert len(room) == 0


@pytest.mark.parametrize("error", [StoreAway(), ValueError()])
def test_what_was_handed_over_is_attached_at_once_and_where_that_fails_a_little_later(
    error: Exception, no_logged_failures: list[LogEvent]
) -> None:
    store = Store()
    clock, room = Clock(), Waiters()
    repair = Recovery(clock, store, room)  # type: ignore[arg-type]
    first, second = waited(room, "a"), waited(room, "b")
    Deferred.fromCoroutine(repair.attach(["a"]))
    assert (first, second) == ([outcome("a")], [])
    store.fails["b"] = error
    Deferred.fromCoroutine(repair.attach(["b"]))
    assert second == []
    store.fails.clear()
    clock.advance(PAUSE)
    assert second == [outcome("b")]
    assert len(no_logged_failures) == (0 if isinstance(error, StoreAway) else 1)
    no_logged_failures.clear()


def test_only_the_jobs_of_the_partition_that_lost_them_are_attached_again() -> None:
    store, clock, room = Store(), Clock(), Waiters()
    repair = Recovery(clock, store, room)  # type: ignore[arg-type]
    here, there = waited(room, "1-epoch-a"), waited(room, "2-epoch-b")
    repair.soon(1)
    clock.advance(PAUSE)
    assert (here, there) == ([outcome("1-epoch-a")], [])


def test_a_partition_that_is_away_keeps_no_other_from_being_repaired() -> None:
    store, clock, room = Store(), Clock(), Waiters()
    repair = Recovery(clock, store, room)  # type: ignore[arg-type]
    here, there = waited(room, "1-epoch-a"), waited(room, "2-epoch-b")
    store.fails["1-epoch-a"] = StoreAway()
    Deferred.fromCoroutine(repair.attach(["1-epoch-a", "2-epoch-b"]))
    assert (here, there) == ([], [outcome("2-epoch-b")])
    store.fails.clear()
    clock.advance(PAUSE)
    assert here == [outcome("1-epoch-a")]
