"""Attempts whose handlers run as tasks: they end as others do, and what they leave behind ends with them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogEvent, eventAsText
from twisted.python.failure import Failure

from relay import JobError, job
from relay.model.state import State
from relay.store.messages import Report
from relay.worker.attempt import GRACE
from relay.worker.coroutines import prepare
from relay.worker.left import JobTasks
from relay.worker.sight import Origins, Sight, look
from tests.worker.loops import PATIENCE, ended, on_loop, turns
from tests.worker.scene import Scene
from tests.worker.test_odd_handlers import ODD_ERRORS, Lazy, raises_later


def begun(
    function: Callable[..., Any], then: Callable[[Scene], Awaitable[None]] | None = None, **options: Any
) -> Scene:
    """An attempt on a loop, after some turns and what is done `then`."""

    async def test() -> Scene:
        scene = Scene(job(name="f", **options)(function))
        prepare(asyncio.get_running_loop(), scene.tasks.add)
        scene.begin()
        await turns()
        if then is not None:
            await then(scene)
            await turns()
        return scene

    scene: Scene = on_loop(test)
    return scene


@pytest.mark.parametrize("error", ODD_ERRORS)
def test_whatever_a_task_raises_is_an_end_with_a_traceback(
    error: Any, no_logged_failures: list[LogEvent]
) -> None:
    scene = begun(raises_later(error))
    assert (scene.end.state, scene.freed, scene.closed) == (State.FAILED, [None], 1)
    assert "job-failed" in scene.end.payload
    (event,) = no_logged_failures
    assert "Traceback" in eventAsText(event)
    no_logged_failures.clear()


def test_results_of_tasks_are_what_results_of_others_are(no_logged_failures: list[LogEvent]) -> None:
    def later(result: Any) -> Callable[[], Any]:
        async def function() -> Any:
            await asyncio.sleep(0)
            return result

        return function

    assert begun(later(3)).end == Report("0-a-b", State.SUCCEEDED, "3")
    assert begun(lambda: asyncio.create_task(later(4)())).end.payload == "4"
    for odd in (Deferred(), object(), (n for n in ())):
        assert begun(later(odd)).problem["type"] == "/problems/result-not-json"
    for odd in (Failure(ValueError("returned")), Lazy()):
        scene = begun(later(odd))
        assert (scene.end.state, scene.freed) == (State.FAILED, [None])
    no_logged_failures.clear()


def test_a_job_error_of_a_task_is_its_problem() -> None:
    async def declines() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(raises_later(lambda: JobError("no", status=402, type="card-declined"))())

    assert begun(declines).problem["type"] == "/problems/card-declined"


@pytest.mark.parametrize("state", [State.CANCELLED, State.QUEUED, State.EXPIRED])
@pytest.mark.parametrize("waits", [lambda: asyncio.sleep(60), Deferred])
def test_a_task_is_stopped_however_it_puts_its_cancellation(
    state: State, waits: Callable[[], Any], no_logged_failures: list[LogEvent]
) -> None:
    async def plainly() -> None:
        await waits()

    async def wraps() -> None:
        try:
            await waits()
        except (asyncio.CancelledError, defer.CancelledError) as error:
            raise RuntimeError("wrapped") from error

    async def in_a_group() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(plainly())
            await waits()

    async def stop(scene: Scene) -> None:
        scene.attempt.stop(state)

    for function in (plainly, wraps, in_a_group):
        scene = begun(function, stop)
        assert (scene.end.state, scene.freed, scene.closed) == (state, [None], 1)


def test_the_timeout_of_a_job_cancels_its_task() -> None:
    async def late(scene: Scene) -> None:
        scene.clock.advance(30)

    async def sleeps() -> None:
        await asyncio.sleep(600)

    scene = begun(sleeps, late, timeout=30)
    assert scene.problem["type"] == "/problems/job-timeout"
    assert not scene.clock.getDelayedCalls()


def test_a_task_that_swallows_its_cancellation_is_overdue_and_takes_its_place_until_it_ends() -> None:
    told = threading.Event()

    async def swallows() -> None:
        while not told.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.001)

    async def stop(scene: Scene) -> None:
        scene.attempt.stop(State.CANCELLED)
        await turns()
        assert scene.ends == []
        scene.clock.advance(GRACE)
        assert (scene.end.state, scene.freed) == (State.CANCELLED, [])
        assert scene.overdue.has(scene.attempt.claim)
        told.set()
        await ended(scene.free)

    scene = begun(swallows, stop)
    assert not scene.overdue.has(scene.attempt.claim)


# -- what is left behind --


def test_tasks_that_are_left_are_cancelled_and_named(lines: list[str]) -> None:
    cleaned: list[str] = []

    async def left_behind() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            cleaned.append("cleaned")

    async def handler() -> int:
        asyncio.create_task(left_behind())  # noqa: RUF006 - that is the mistake
        awaited = asyncio.create_task(asyncio.sleep(0))
        await asyncio.sleep(0)
        await awaited
        return 1

    scene = begun(handler)
    assert (scene.end.payload, cleaned, scene.tasks.running) == ("1", ["cleaned"], {})
    (line,) = [line for line in lines if "that it began are cancelled" in line]
    assert line.startswith("the handler of job 0-a-b (f) has ended, and 1 tasks")
    assert "left_behind" in line


def test_tasks_of_a_job_that_was_stopped_are_cancelled_without_a_word(lines: list[str]) -> None:
    async def handler() -> None:
        asyncio.create_task(asyncio.sleep(600))  # noqa: RUF006
        await asyncio.sleep(600)

    async def stop(scene: Scene) -> None:
        assert scene.tasks.running
        scene.attempt.stop(State.CANCELLED)

    assert begun(handler, stop).tasks.running == {}
    assert not [line for line in lines if "are cancelled" in line]


def test_tasks_of_libraries_and_of_nobody_are_left_to_them() -> None:
    async def test() -> list[bool]:
        scene = Scene(job(name="f")(handler))
        tasks = JobTasks(own=lambda file: file != __file__)
        prepare(asyncio.get_running_loop(), tasks.add)
        scene.begin()
        nobodys = asyncio.create_task(asyncio.sleep(600))
        await turns()
        assert tasks.running == {}
        alive = [not task.done() for task in (*left, nobodys)]
        for task in (*left, nobodys):
            task.cancel()
        return alive

    left: list[asyncio.Task[None]] = []

    async def handler() -> None:
        left.append(asyncio.create_task(asyncio.sleep(600)))

    assert on_loop(test) == [True, True]


# -- what is seen from another thread --

blocked, released = threading.Event(), threading.Event()


def block() -> None:
    blocked.set()
    assert released.wait(PATIENCE)


async def at_once() -> None:
    block()


async def after_a_while() -> None:
    await asyncio.sleep(0)
    block()


async def in_a_task() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(after_a_while())


async def in_what_twisted_runs() -> None:
    await Deferred.fromCoroutine(after_a_deferred())


async def after_a_deferred() -> None:
    await succeed(None)
    block()


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
@pytest.mark.parametrize("function", [at_once, after_a_while, in_a_task, in_what_twisted_runs])
def test_a_task_that_blocks_is_found_with_its_job(function: Callable[..., Any], kind: str) -> None:
    seen: list[Sight] = []
    blocked.clear()
    released.clear()

    async def test() -> Scene:
        other = Scene(job(name="g")(lambda: Deferred())).begin()
        ident = threading.get_ident()
        threading.Thread(target=watch, args=(ident,)).start()
        scene = Scene(job(name="f")(function)).begin()
        await turns()
        other.attempt.stop(State.CANCELLED)
        return scene

    def watch(ident: int) -> None:
        assert blocked.wait(PATIENCE)
        seen.append(look(ident, Origins([function])))
        released.set()

    scene = on_loop(test, kind)
    (sight,) = seen
    assert sight.claim is scene.attempt.claim
    assert f"test_attempts_on_loops.py:{block.__code__.co_firstlineno + 2} in block" in sight.where
