"""Handlers that are stopped, and those that do not stop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import LogEvent, eventAsText

from relay import JobError, job
from relay.model.state import State
from relay.store.messages import Report
from relay.worker.attempt import GRACE, LINGER, POSTPONED
from tests.worker.scene import Scene


class Broken(JobError):
    def __init__(self) -> None:
        pass


def paused() -> Deferred[int]:
    deferred = succeed(1)
    deferred.pause()
    return deferred


def chained() -> Deferred[None]:
    return succeed(None).addCallback(lambda _: deaf())


def deaf() -> Deferred[None]:
    return Deferred(lambda _: None).addBoth(lambda _: Deferred(lambda _: None).addBoth(lambda _: Deferred()))


async def swallows() -> None:
    while True:
        with contextlib.suppress(Exception):
            await Deferred()


@pytest.mark.parametrize("function", [paused, chained, deaf, swallows])
@pytest.mark.parametrize(
    ("why", "shown"), [(State.FAILED, "job-timeout"), (State.EXPIRED, ""), (State.CANCELLED, "")]
)
def test_a_handler_that_does_not_stop_does_not_keep_its_job_from_ending(
    function: Any, why: State, shown: str
) -> None:
    scene = Scene(job(name="f")(function)).begin()
    scene.attempt.stop(why)
    assert scene.ends == []
    scene.clock.advance(GRACE)
    assert scene.end.state is why
    assert shown in scene.end.payload
    assert scene.freed == []
    assert scene.overdue.has(scene.attempt.claim)
    assert scene.closed == 2  # when it was overdue, and again at its end


def test_the_timeout_of_a_deferred_that_fired_and_waits_for_another_counts() -> None:
    scene = Scene(job(name="f", timeout=5)(lambda: succeed(None).addCallback(lambda _: Deferred()))).begin()
    scene.clock.advance(5)
    assert scene.problem["type"] == "/problems/job-timeout"


def test_a_canceller_that_raises_is_in_the_log_and_stops_nothing_else(
    no_logged_failures: list[LogEvent],
) -> None:
    def breaks(_: Any) -> None:
        raise RuntimeError("the canceller broke")

    scene = Scene(job(name="f")(lambda: Deferred(breaks))).begin()
    scene.attempt.stop(State.CANCELLED)
    assert no_logged_failures.pop()["log_failure"].check(RuntimeError)
    scene.clock.advance(GRACE)
    assert scene.end.state is State.CANCELLED


def test_what_a_handler_does_within_the_grace_counts() -> None:
    cleaned: Deferred[None] = Deferred()

    async def cleans_up() -> str:
        with contextlib.suppress(CancelledError):
            await Deferred()
        await cleaned
        return "cleaned up"

    scene = Scene(job(name="f")(cleans_up)).begin()
    scene.attempt.stop(State.CANCELLED)
    scene.clock.advance(GRACE / 2)
    cleaned.callback(None)
    assert scene.end.payload == '"cleaned up"'
    assert not scene.clock.getDelayedCalls()


def test_a_job_is_not_tried_elsewhere_while_its_handler_runs_on_here() -> None:
    release: Deferred[None] = Deferred()

    async def cleans_up_slowly() -> None:
        try:
            await Deferred()
        finally:
            await release

    scene = Scene(job(name="f", timeout=5, retries=1)(cleans_up_slowly), attempts=2).begin()
    scene.clock.pump([5, GRACE, LINGER / 2])
    assert scene.ends == []
    release.callback(None)
    assert scene.end.state is State.SCHEDULED
    assert not scene.clock.getDelayedCalls()


def test_but_not_for_ever() -> None:
    scene = Scene(job(name="f", thread=True, timeout=5)(lambda: None), attempts=2).begin()
    scene.clock.pump([5, GRACE, LINGER - GRACE - 0.1])
    assert scene.ends == []
    scene.clock.advance(0.1)
    assert (scene.end.state, scene.freed) == (State.SCHEDULED, [])


def test_nor_past_the_jobs_deadline() -> None:
    scene = Scene(job(name="f", thread=True, timeout=5)(lambda: None), seconds=20, attempts=2).begin()
    scene.clock.pump([5, GRACE, 20 - 5 - GRACE])
    assert scene.end.state is State.EXPIRED


def test_a_job_that_would_be_tried_again_can_still_be_cancelled() -> None:
    scene = Scene(job(name="f", thread=True, timeout=5)(lambda: None), attempts=2).begin()
    scene.clock.pump([5, GRACE])
    scene.attempt.stop(State.CANCELLED)
    assert scene.end.state is State.CANCELLED


def test_a_result_that_comes_before_the_job_is_tried_again_counts() -> None:
    scene = Scene(job(name="f", thread=True, timeout=5)(lambda: None), attempts=2).begin()
    scene.clock.pump([5, GRACE])
    scene.threads[0][1].callback("late, and done")
    assert scene.end.payload == '"late, and done"'


@pytest.mark.parametrize("before", [0, GRACE / 2, 10 * GRACE])
@pytest.mark.parametrize("function", [deaf, swallows])
def test_a_worker_that_ends_does_not_wait_for_it(function: Any, before: float) -> None:
    scene = Scene(job(name="f", timeout=99)(function), attempts=2).begin()
    if before:
        scene.attempt.stop(State.FAILED)
        scene.clock.advance(before)
    scene.attempt.leave()
    scene.clock.advance(GRACE)
    assert scene.end == Report("0-a-b", State.SCHEDULED, delay=int(POSTPONED * 1000), uncounted=not before)


def test_a_job_that_must_not_run_twice_is_interrupted_by_the_workers_end_though_its_thread_runs_on() -> None:
    scene = Scene(job(name="f", thread=True, once=True)(lambda: None)).begin()
    scene.attempt.leave()
    scene.clock.advance(GRACE)
    assert scene.end == Report("0-a-b", State.FAILED, "interrupted", problem="interrupted")


@pytest.mark.parametrize("error", [Broken(), asyncio.CancelledError()])
def test_a_cancelled_job_is_cancelled_whatever_its_handler_raises(error: BaseException) -> None:
    async def wraps() -> None:
        try:
            await Deferred()
        except CancelledError:
            raise error from None

    scene = Scene(job(name="f")(wraps), attempts=2).begin()
    scene.attempt.stop(State.CANCELLED)
    assert scene.end.state is State.CANCELLED


def test_what_a_handler_returns_too_late_is_in_the_log(told: list[LogEvent]) -> None:
    scene = Scene(job(name="f", thread=True, timeout=5)(lambda: None)).begin()
    scene.clock.pump([5, GRACE])
    scene.threads[0][1].callback("too late")
    assert "went on after the job had ended, and returned a value of type str" in eventAsText(told[-2])
    assert scene.end.state is State.FAILED
