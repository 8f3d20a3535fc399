"""One attempt, with a clock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import LogEvent

from relay import JobError, job
from relay.model.state import State
from relay.store.messages import Report
from relay.worker.attempt import GRACE, Attempt
from relay.worker.retry import RETRY, pause
from tests.worker.scene import Scene


def test_a_value_a_deferred_and_a_coroutine_end_the_same() -> None:
    def value(a: int) -> int:
        return a

    def deferred(a: int) -> Deferred[int]:
        return succeed(a)

    async def coroutine(a: int) -> int:
        return await succeed(a)

    for function in (value, deferred, coroutine):
        scene = Scene(job(name="f")(function), {"a": 3}).begin()
        assert scene.end == Report("0-a-b", State.SUCCEEDED, "3")
        assert scene.freed == [None]
        assert not scene.clock.getDelayedCalls()


def test_a_context_variable_that_one_job_sets_is_not_seen_by_the_next() -> None:
    variable: ContextVar[int] = ContextVar("variable", default=0)

    def counts() -> int:
        variable.set(variable.get() + 1)
        return variable.get()

    assert [Scene(job(name="f")(counts)).begin().end.payload for _ in range(2)] == ["1", "1"]


def test_a_handler_that_waits_ends_when_its_deferred_fires() -> None:
    waiting: Deferred[str] = Deferred()
    scene = Scene(job(name="f")(lambda: waiting)).begin()
    assert scene.ends == []
    waiting.callback("done")
    assert scene.end.payload == '"done"'
    assert not scene.clock.getDelayedCalls()


def test_the_timeout_cancels_the_handler_and_is_its_problem() -> None:
    cancelled: list[Any] = []
    waiting: Deferred[None] = Deferred(cancelled.append)
    scene = Scene(job(name="f", timeout=30)(lambda: waiting)).begin()
    scene.clock.advance(29)
    assert scene.ends == []
    scene.clock.advance(1)
    assert cancelled == [waiting]
    assert scene.problem["type"] == "/problems/job-timeout"


def test_the_deadline_before_the_timeout_expires_the_job() -> None:
    scene = Scene(job(name="f", timeout=30)(lambda: Deferred()), seconds=10).begin()
    scene.clock.advance(10)
    assert scene.end.state is State.EXPIRED


@pytest.mark.parametrize("state", [State.CANCELLED, State.QUEUED])
def test_a_handler_is_stopped_however_it_puts_its_cancellation(state: State) -> None:
    async def wraps() -> None:
        try:
            await Deferred()
        except CancelledError as error:
            raise RuntimeError("wrapped") from error

    for function in (wraps, lambda: Deferred()):
        scene = Scene(job(name="f")(function)).begin()
        scene.attempt.stop(state)
        assert scene.end.state is state
        scene.attempt.stop(State.CANCELLED)
        assert len(scene.ends) == 1


def test_a_job_that_must_not_run_twice_is_not_given_back_but_interrupted() -> None:
    scene = Scene(job(name="f", once=True)(lambda: Deferred())).begin()
    scene.attempt.stop(State.QUEUED)
    assert scene.end == Report("0-a-b", State.FAILED, "interrupted", problem="interrupted")


def test_a_handler_that_ends_well_all_the_same_has_succeeded() -> None:
    async def insists() -> str:
        with contextlib.suppress(CancelledError):
            await Deferred()
        return "it was done"

    scene = Scene(job(name="f")(insists)).begin()
    scene.attempt.stop(State.CANCELLED)
    assert scene.end == Report("0-a-b", State.SUCCEEDED, '"it was done"')


def test_a_job_error_is_the_jobs_problem() -> None:
    def declines() -> None:
        raise JobError("no", status=402, type="card-declined", code=7)

    problem = Scene(job(name="f")(declines)).begin().problem
    assert problem["type"] == "/problems/card-declined"
    assert (problem["status"], problem["code"], problem["source"]) == (402, 7, "job")
    assert problem["retryable"] is False


def test_another_error_stays_in_the_log(no_logged_failures: list[LogEvent]) -> None:
    scene = Scene(job(name="f")(lambda: 1 / 0)).begin()
    assert scene.problem["type"] == "/problems/job-failed"
    assert "division" not in scene.end.payload
    assert no_logged_failures.pop()["log_failure"].check(ZeroDivisionError)


def test_arguments_that_do_not_fit_this_worker_are_a_problem() -> None:
    scene = Scene(job(name="f")(lambda: None), {"new": 1}).begin()
    assert scene.problem["type"] == "/problems/bad-arguments"
    assert scene.freed == [None]


@pytest.mark.parametrize(("result", "slug"), [("x" * 99, "result-too-large"), (object(), "result-not-json")])
def test_results_that_can_not_be_kept_fail_the_job(result: object, slug: str) -> None:
    assert Scene(job(name="f")(lambda: result)).begin().problem["type"] == f"/problems/{slug}"


# -- threads --


def test_a_thread_takes_up_its_place_until_it_really_ends() -> None:
    scene = Scene(job(name="f", thread=True, timeout=5)(lambda: None)).begin()
    scene.clock.advance(5)
    assert scene.stopped == "timeout"
    assert scene.ends == []
    scene.clock.advance(GRACE)
    assert scene.problem["type"] == "/problems/job-timeout"
    assert scene.freed == []
    scene.threads[0][1].callback("too late")
    assert scene.freed == [None]


def test_a_threads_result_ends_its_attempt() -> None:
    scene = Scene(job(name="f", thread=True)(lambda: None)).begin()
    scene.threads[0][1].callback(None)
    assert scene.end.payload == "null"
    assert scene.freed == [None]


def test_a_thread_that_fails_after_its_end_is_in_the_log(no_logged_failures: list[LogEvent]) -> None:
    scene = Scene(job(name="f", thread=True, timeout=5)(lambda: None)).begin()
    scene.clock.pump([5, GRACE])
    scene.threads[0][1].errback(RuntimeError("late"))
    assert scene.freed == [None]
    assert no_logged_failures.pop()["log_failure"].check(RuntimeError)


def test_arguments_of_a_thread_may_have_any_name() -> None:
    def function(function: int, reactor: int, f: int) -> int:
        return function + reactor + f

    scene = Scene(job(name="f", thread=True)(function), {"function": 1, "reactor": 2, "f": 3}).begin()
    assert scene.threads[0][0]().content == 6


# -- retries --


def fails(retryable: bool) -> Callable[[], None]:
    def function() -> None:
        raise JobError(retryable=retryable)

    return job(name="f")(function)


def test_a_retryable_error_is_tried_again_while_attempts_are_left() -> None:
    end = Scene(fails(True), attempts=3, attempt=2).begin().end
    assert end.state is State.SCHEDULED
    assert 1000 <= end.delay <= 2000
    assert Scene(fails(True), attempts=3, attempt=3).begin().problem["retryable"] is True


def test_the_pause_that_an_upstream_asked_for_is_kept() -> None:
    def limited() -> None:
        raise JobError(retryable=True, retry_after=120)

    end = Scene(job(name="f")(limited), attempts=2).begin().end
    assert (end.state, end.delay) == (State.SCHEDULED, 120_000)


def test_an_error_that_is_not_retryable_is_final() -> None:
    assert Scene(fails(False), attempts=3).begin().problem["retryable"] is False


def test_pauses_between_attempts_grow_to_five_minutes_and_the_last_attempt_has_none() -> None:
    assert (RETRY.pause(1, chance=1), RETRY.pause(98, chance=1)) == (1, 300)
    assert pause(1, 1) is None
    assert 0.5 <= (pause(1, 2) or 0) <= 1


def test_who_meets_an_attempt_in_a_debugger_sees_its_job_and_what_it_does() -> None:
    scene = Scene(job(name="f", thread=True)(lambda: None))
    about = f"<{Attempt.__name__} 1 of job 0-a-b (f), "
    seen = [repr(scene.attempt)]
    scene.begin()
    seen.append(repr(scene.attempt))
    scene.attempt.stop(State.CANCELLED)
    seen.append(repr(scene.attempt))
    scene.threads[0][1].callback(None)
    seen.append(repr(scene.attempt))
    assert seen == [about + does + ">" for does in ("begins", "running", "stopped (cancelled)", "over")]
