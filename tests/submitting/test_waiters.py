"""The registry of waiters."""

from __future__ import annotations

import sys

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogEvent

from relay.model.job import Job
from relay.model.status import Outcome
from relay.store.messages import Submission
from relay.submitting.waiters import Waiters

KEPT = msgspec.msgpack.encode(["echo", "me", "succeeded", 1, 2, 3, 4, 1, "null"])


def told(waiter: Deferred[Outcome]) -> list[str]:
    ids: list[str] = []
    waiter.addCallbacks(
        lambda outcome: ids.append(outcome.id), lambda failure: failure.trap(CancelledError) and None
    )
    return ids


def test_all_who_wait_for_a_job_are_told_and_nobody_else() -> None:
    room = Waiters()
    one, other, third = told(room.wait("1")), told(room.wait("1")), told(room.wait("2"))
    room.arrived("1", KEPT)
    assert (one, other, third) == (["1"], ["1"], [])
    assert len(room) == 1


def test_whoever_leaves_is_not_told_and_the_others_are() -> None:
    room = Waiters()
    leaving, staying = room.wait("1"), room.wait("1")
    left, stayed = told(leaving), told(staying)
    leaving.cancel()
    room.arrived("1", KEPT)
    assert (left, stayed) == ([], ["1"])
    assert len(room) == 0


def test_many_may_wait_for_one_job() -> None:
    room = Waiters()
    many = [room.wait("1") for _ in range(1000)]
    everyone = [told(waiter) for waiter in many]
    for waiter in many[::2]:
        waiter.cancel()
    room.arrived("1", KEPT)
    assert everyone == [[], ["1"]] * 500
    assert len(room) == 0


def test_the_last_to_leave_takes_the_entry_along() -> None:
    room = Waiters()
    waiter = room.wait("1")
    told(waiter)
    waiter.cancel()
    assert len(room) == 0


def test_an_outcome_that_came_before_its_waiter_is_kept_for_a_while() -> None:
    room = Waiters()
    room.arrived("1", KEPT)
    room.turn()
    assert told(room.wait("1")) == ["1"]
    room.turn()
    assert told(room.wait("1")) == []


def test_one_who_is_told_may_have_others_leave() -> None:
    """As the last client who listens to a job takes along whoever hears of its end for all of them."""
    room = Waiters()
    first, second, third = room.wait("1"), room.wait("1"), room.wait("1")
    first.addCallback(lambda _: second.cancel())
    left, stayed = told(second), told(third)
    room.arrived("1", KEPT)
    assert (left, stayed) == ([], ["1"])


def test_one_whose_job_is_lost_may_have_others_leave() -> None:
    room = Waiters()
    first, second, third = room.wait("1"), room.wait("1"), room.wait("1")
    first.addErrback(lambda _: second.cancel())
    left, failed = told(second), list[str]()
    third.addErrback(lambda failure: failed.append(str(failure.value)))  # type: ignore[arg-type]
    room.fail("1", ValueError("lost"))
    assert (left, failed) == ([], ["lost"])


def submission(id: str) -> Submission:
    return Submission(id, Job("echo", "fast", "me", "", 0, 1, "", "", False, "", "{}"))


def test_a_submission_is_kept_while_anybody_waits_for_its_job() -> None:
    room = Waiters()
    first = room.wait("1", submission("1"))
    second = room.wait("1")
    for waiter in (first, second):
        told(waiter)
        assert room.resubmission("1") == submission("1")
        waiter.cancel()
    assert room.resubmission("1") is None
    told(room.wait("1"))
    assert room.resubmission("1") is None


def test_those_who_wait_for_another_job_from_now_on_keep_its_submission_or_their_own() -> None:
    room = Waiters()
    moved = [told(room.wait("1", submission("1"))), told(room.wait("1"))]
    room.move("1", "2")
    assert room.resubmission("2") == submission("2")
    other = told(room.wait("3", submission("3")))
    room.move("2", "3")
    assert (room.resubmission("2"), room.resubmission("3")) == (None, submission("3"))
    room.arrived("3", KEPT)
    assert [*moved, other] == [["3"]] * 3
    assert len(room) == 0


def test_one_that_fails_to_hear_of_the_end_takes_no_other_along(no_logged_failures: list[LogEvent]) -> None:
    room = Waiters()
    room.enter("1").hear(lambda _: 1 / 0)
    room.enter("1").hear(lambda _: sys.exit())
    second = told(room.wait("1"))
    room.arrived("1", KEPT)
    assert second == ["1"]
    assert [event["id"] for event in no_logged_failures] == ["1", "1"]
    no_logged_failures.clear()


def test_what_is_known_before_anybody_hears_of_it_is_kept_for_that_one_alone() -> None:
    room = Waiters()
    waiter, left, heard = room.enter("1"), room.enter("1"), list[object]()
    room.arrived("1", KEPT)
    left.cancel()
    for each in (left, waiter):
        each.hear(heard.append)
    assert [getattr(each, "id", None) for each in heard] == ["1"]
