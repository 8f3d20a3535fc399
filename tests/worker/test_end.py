"""What is said of an end, and what decides over it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, gatherResults, race
from twisted.logger import LogEvent, eventAsText

from relay import Discard, JobError, Retry, job
from relay.model.state import State
from tests.worker.scene import Scene


async def waits() -> None:
    await Deferred()


@pytest.mark.parametrize(
    ("why", "line"),
    [
        (State.FAILED, "failed in attempt 1 of 1: its time was over"),
        (State.EXPIRED, "expired in attempt 1 of 1: The deadline passed"),
        (State.CANCELLED, "cancelled in attempt 1 of 1: it was cancelled"),
        (State.QUEUED, "failed in attempt 1 of 1: How the job ended is unknown"),
    ],
)
def test_a_job_that_is_stopped_leaves_one_line(why: State, line: str, told: list[LogEvent]) -> None:
    scene = Scene(job(name="f", once=True)(waits)).begin()
    scene.attempt.stop(why)
    (event,) = told
    assert eventAsText(event).endswith(f"job 0-a-b (f) {line}")


def test_a_job_error_leaves_one_line_with_what_it_came_from(told: list[LogEvent]) -> None:
    async def declines() -> None:
        try:
            raise ConnectionError("reset\nby the peer")
        except ConnectionError as error:
            raise JobError("no", status=402, type="card-declined") from error

    Scene(job(name="f")(declines)).begin()
    (event,) = told
    assert eventAsText(event).endswith("card-declined (402): no, from ConnectionError: reset by the peer")


def test_a_job_that_is_tried_again_says_when(told: list[LogEvent]) -> None:
    def limited() -> None:
        raise JobError("slow down", retryable=True, retry_after=120)

    Scene(job(name="f")(limited), attempts=2).begin()
    assert eventAsText(told[-1]).endswith("job-failed (500): slow down; it is tried again in 120.0 s")


@pytest.mark.parametrize("after", [0, 0.25, 3600.0])
def test_a_job_that_asks_for_another_attempt_gets_it_after_that_time(after: float) -> None:
    def asks() -> None:
        raise Retry("not there yet", after=after)

    end = Scene(job(name="f")(asks), attempts=2).begin().end
    assert (end.state, end.delay, end.uncounted) == (State.SCHEDULED, after * 1000, False)


def test_a_job_that_asks_for_another_attempt_without_a_time_waits_as_others_do() -> None:
    def asks() -> None:
        raise Retry("not there yet")

    end = Scene(job(name="f")(asks), attempts=2).begin().end
    assert end.state is State.SCHEDULED
    assert 500 <= end.delay <= 1000


def test_a_job_that_asks_for_an_attempt_that_it_has_not_fails_with_a_problem_of_its_own() -> None:
    def asks() -> None:
        raise Retry("not there yet", after=9.0, order=7)

    problem = Scene(job(name="f")(asks), attempts=2, attempt=2).begin().problem
    assert (problem["type"], problem["status"]) == ("/problems/attempts-used-up", 503)
    assert (problem["detail"], problem["order"], problem["retryable"]) == ("not there yet", 7, True)


@pytest.mark.parametrize("after", ["9", True, -1, float("inf"), 30 * 86400 + 1])
def test_a_time_that_no_attempt_can_wait_is_refused_where_it_is_said(after: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="the after of a Retry must be"):
        Retry("later", after=after)


def test_a_job_that_is_given_up_is_not_tried_again_and_is_warned_of(told: list[LogEvent]) -> None:
    async def gives_up() -> None:
        raise Discard("the order was deleted")

    problem = Scene(job(name="f")(gives_up), attempts=5).begin().problem
    assert (problem["type"], problem["status"], problem["retryable"]) == ("/problems/discarded", 422, False)
    (event,) = told
    assert event["log_level"].name == "warn"
    assert eventAsText(event).endswith("failed in attempt 1 of 5: discarded (422): the order was deleted")


def test_arguments_that_do_not_fit_leave_a_line_and_a_dead_letter(told: list[LogEvent]) -> None:
    scene = Scene(job(name="f")(lambda: None), {"new": 1}).begin()
    assert "bad-arguments" in eventAsText(told[-1])
    assert scene.end.dead


def test_a_job_that_ends_well_leaves_none(told: list[LogEvent]) -> None:
    Scene(job(name="f")(lambda: 5)).begin()
    assert told == []


# -- errors within others --


def held_in_first_error() -> Any:
    return gatherResults([fail(JobError("no", status=402, type="declined"))], consumeErrors=True)


async def held_in_a_group() -> None:
    raise ExceptionGroup("one", [ExceptionGroup("two", [JobError("no", status=402, type="declined")])])


async def final_beside_others() -> None:
    raise ExceptionGroup(
        "many", [ValueError(), JobError(retryable=True), JobError(status=402, type="declined")]
    )


def held_in_a_race() -> Any:
    return race([fail(JobError("no", status=402, type="declined"))])


@pytest.mark.parametrize(
    "function", [held_in_first_error, held_in_a_group, final_beside_others, held_in_a_race]
)
def test_a_final_error_within_others_is_final(function: Any) -> None:
    problem = Scene(job(name="f")(function), attempts=3).begin().problem
    assert (problem["type"], problem["status"]) == ("/problems/declined", 402)


def test_several_errors_that_may_pass_are_waited_for_together() -> None:
    def both() -> None:
        raise ExceptionGroup("both", [JobError(retryable=True, retry_after=n) for n in (10, 50, 20)])

    end = Scene(job(name="f")(both), attempts=3).begin().end
    assert (end.state, end.delay) == (State.SCHEDULED, 50_000)


def test_the_traceback_has_causes_notes_and_what_groups_hold(no_logged_failures: list[LogEvent]) -> None:
    def caused() -> None:
        try:
            raise KeyError("the cause")
        except KeyError as error:
            wrapped = ValueError("the effect")
            wrapped.add_note("a note")
            raise ExceptionGroup("a group", [wrapped]) from error

    Scene(job(name="f")(caused)).begin()
    Scene(job(name="f")(lambda: gatherResults([fail(LookupError("held"))], consumeErrors=True))).begin()
    texts = [eventAsText(event) for event in no_logged_failures]
    assert all(word in texts[0] for word in ("KeyError: 'the cause'", "ValueError: the effect", "a note"))
    assert "LookupError: held" in texts[1]
    no_logged_failures.clear()


class Away(JobError):
    uncounted = undone = True


def is_away() -> None:
    raise Away(retryable=True)


def test_what_could_do_nothing_is_tried_again_without_retries_and_then_leaves_its_key(
    told: list[LogEvent],
) -> None:
    ends = [Scene(job(name="f")(is_away), starts=starts).begin().end for starts in (1, 2, 3)]
    assert [end.state for end in ends] == [State.SCHEDULED, State.SCHEDULED, State.FAILED]
    assert [end.uncounted for end in ends] == [True, True, False]
    assert [end.undone for end in ends] == [False, False, True]


def test_what_must_not_run_twice_is_not_tried_again_even_so(told: list[LogEvent]) -> None:
    assert Scene(job(name="f", once=True)(is_away)).begin().end.state is State.FAILED
