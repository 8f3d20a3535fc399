"""Coroutines that await Deferreds and asyncio's awaitables, on real event loops."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.logger import LogEvent

from relay.model.job import Claim, Job
from relay.net.reactors import new_loop
from relay.worker.coroutines import Running, has_loop, is_coroutine, prepare, run
from relay.worker.current import CURRENT
from tests.worker.loops import ended, on_loop, outcome, turns

CLAIM = Claim("0-a-b", Job("p", "q", "me", "", 0, 1, "", "", False, "", "{}"), 1, 1, 0)
LOOPS = ("asyncio", "uvloop")


def soon(result: Any = None) -> Deferred[Any]:
    """A Deferred that the loop fires, outside of any task."""
    made: Deferred[Any] = Deferred()
    asyncio.get_running_loop().call_later(0.001, made.callback, result)
    return made


@pytest.mark.parametrize("kind", LOOPS)
def test_one_body_awaits_deferreds_and_what_asyncio_has(kind: str) -> None:
    async def inner(number: int) -> int:
        await asyncio.sleep(0.001)
        return int(await soon(number))

    async def handler() -> list[Any]:
        queue: asyncio.Queue[int] = asyncio.Queue()
        event = asyncio.Event()
        found: list[Any] = [await soon("deferred"), await succeed("at once")]
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            tasks = [group.create_task(inner(number)) for number in (1, 2)]
            group.create_task(queue.put(3))
            asyncio.get_running_loop().call_soon(event.set)
            await event.wait()
            found.append(await queue.get())
        found += [task.result() for task in tasks]
        found += await asyncio.gather(inner(4), soon(5), asyncio.create_task(inner(6)))
        found.append(await asyncio.to_thread(lambda: 7))
        found.append(await asyncio.wait_for(soon(8), 5))
        found.append(await asyncio.shield(soon(9)))
        return found

    expected = ["deferred", "at once", 3, 1, 2, 4, 5, 6, 7, 8, 9]
    assert on_loop(lambda: outcome(handler), kind) == expected


def test_a_coroutine_begins_within_the_call_as_the_task_that_it_stays() -> None:
    async def at_once() -> Any:
        return asyncio.current_task()

    async def later() -> bool:
        task = asyncio.current_task()
        variable.set("inner")
        await soon()
        return task is not None and asyncio.current_task() is task and variable.get() == "inner"

    async def fails() -> None:
        raise ValueError("at once")

    async def test() -> list[Any]:
        around = asyncio.current_task()
        first, second, third = run(at_once()), run(later()), run(fails())
        assert (first.called, second.called, third.called) == (True, False, True)
        assert asyncio.current_task() is around
        task = await ended(first)
        assert task is not around
        assert (await ended(second), repr(await ended(third))) == (True, "ValueError('at once')")
        return [task.done(), variable.get()]

    variable: ContextVar[str] = ContextVar("variable", default="outer")
    assert on_loop(test) == [True, "outer"]


def test_a_coroutine_that_is_begun_before_its_loop_runs_begins_with_it() -> None:
    async def handler() -> bool:
        await asyncio.sleep(0)
        return asyncio.current_task() is not None

    def work() -> Any:
        loop = new_loop("asyncio")
        running, found = Running(loop, handler()), []
        running.addBoth(lambda box: (found.append(box.content), loop.stop()))
        assert not running.called
        loop.run_forever()
        loop.close()
        return found

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(work).result() == [True]


def test_a_coroutine_goes_on_within_the_call_that_fires_its_deferred() -> None:
    """As those that Twisted runs, so that nothing comes between."""
    waiting: Deferred[str] = Deferred()
    said: list[Any] = []

    async def handler() -> None:
        said.append(await waiting)

    async def test() -> None:
        running = run(handler())
        await turns()
        asyncio.get_running_loop().call_soon(lambda: (waiting.callback("fired"), said.append("after")))
        await ended(running)

    on_loop(test)
    assert said == ["fired", "after"]


def test_a_deferred_that_one_task_fires_wakes_another_after_it() -> None:
    async def handler() -> list[str]:
        waiting: Deferred[str] = Deferred()
        said: list[str] = []

        async def waits() -> None:
            said.append(await waiting)

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        waiting.callback("woken")
        said.append("first")
        await task
        return said

    assert on_loop(lambda: outcome(handler)) == ["first", "woken"]


def test_a_deferred_that_failed_raises_where_it_is_awaited_and_is_handled() -> None:
    async def handler() -> list[str]:
        said = []
        later: Deferred[None] = Deferred()
        asyncio.get_running_loop().call_soon(later.errback, ValueError("later"))
        for waiting in (fail(ValueError("now")), later):
            try:
                await waiting
            except ValueError as error:
                said.append(str(error))
        results = await asyncio.gather(fail(KeyError("in a task")), soon(1), return_exceptions=True)
        return [*said, *map(repr, results)]

    assert on_loop(lambda: outcome(handler)) == ["now", "later", "KeyError('in a task')", "1"]


def test_two_await_one_deferred_and_both_have_its_result() -> None:
    async def handler() -> list[int]:
        one = soon(7)

        async def waits() -> int:
            return int(await one)

        return list(await asyncio.gather(waits(), waits()))

    assert on_loop(lambda: outcome(handler)) == [7, 7]


# -- cancellation that begins in asyncio --


@pytest.mark.parametrize("kind", LOOPS)
def test_a_timeout_of_asyncio_cancels_the_deferred_and_is_a_timeout(kind: str) -> None:
    cancelled: list[Any] = []

    async def handler() -> str:
        try:
            async with asyncio.timeout(0.01):
                await Deferred(cancelled.append)
        except TimeoutError:
            return "timeout"
        return "?"

    assert on_loop(lambda: outcome(handler), kind) == "timeout"
    assert len(cancelled) == 1


def test_a_group_whose_member_fails_cancels_those_that_await_deferreds() -> None:
    cleaned: list[str] = []

    async def waits() -> None:
        try:
            await Deferred()
        except asyncio.CancelledError:
            cleaned.append("cancelled")
            raise

    async def fails() -> None:
        await asyncio.sleep(0.001)
        raise ValueError("this one")

    async def handler() -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(waits())
                group.create_task(fails())
                await Deferred()
        except ExceptionGroup as errors:
            return repr(errors.exceptions)
        return "?"

    assert on_loop(lambda: outcome(handler)) == "(ValueError('this one'),)"
    assert cleaned == ["cancelled"]


def test_scopes_of_anyio_cancel_what_awaits_deferreds() -> None:
    async def waits() -> None:
        await Deferred()

    async def handler() -> list[Any]:
        with anyio.move_on_after(0.01) as scope:
            await Deferred()
        with anyio.move_on_after(0.01):
            async with anyio.create_task_group() as group:
                for _ in range(2):
                    group.start_soon(waits)
                await asyncio.sleep(10)
        return [scope.cancelled_caught, await soon(1)]

    assert on_loop(lambda: outcome(handler)) == [True, 1]


def test_a_deferred_that_can_not_be_cancelled_does_not_hold_its_task(
    no_logged_failures: list[LogEvent],
) -> None:
    async def handler() -> str:
        try:
            await asyncio.wait_for(Deferred(refuses), 0.01)
        except TimeoutError:
            return "timeout"
        return "?"

    assert on_loop(lambda: outcome(handler)) == "timeout"
    assert no_logged_failures.pop()["log_failure"].check(ZeroDivisionError)


# -- cancellation that begins in relay --


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize(
    ("waits", "raised"),
    [
        (lambda: asyncio.sleep(60), asyncio.CancelledError),
        (lambda: asyncio.gather(asyncio.sleep(60), Deferred()), asyncio.CancelledError),
        (lambda: Deferred(), defer.CancelledError),
    ],
)
def test_what_a_coroutine_awaits_is_cancelled_with_it(
    kind: str, waits: Callable[[], Any], raised: type[BaseException]
) -> None:
    async def handler() -> None:
        await waits()

    async def test() -> Any:
        running = run(handler())
        await turns(2)
        running.cancel()
        return await ended(running)

    assert type(on_loop(test, kind)) is raised


def refuses(_: Any) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("waits", "raised"),
    [
        (lambda: asyncio.sleep(60), asyncio.CancelledError),
        (lambda: asyncio.sleep(0), asyncio.CancelledError),
        (lambda: asyncio.gather(asyncio.sleep(60), Deferred()), asyncio.CancelledError),
        (lambda: Deferred(), defer.CancelledError),
        (lambda: Deferred(refuses), asyncio.CancelledError),
    ],
)
def test_what_a_coroutine_awaits_is_cancelled_before_its_task_has_heard_of_it(
    waits: Callable[[], Any], raised: type[BaseException], no_logged_failures: list[LogEvent]
) -> None:
    async def handler() -> None:
        await waits()

    async def test(cancel: Callable[[Any], Any]) -> Any:
        running = run(handler())
        cancel(running)
        return await ended(running)

    outer: set[Any] = set()

    def every_task(_: Any) -> None:
        for task in asyncio.all_tasks() - outer:
            task.cancel()

    async def both() -> list[Any]:
        outer.update(asyncio.all_tasks())
        return [await test(lambda running: running.cancel()), await test(every_task)]

    by_relay, by_asyncio = on_loop(both)
    assert (type(by_relay), type(by_asyncio)) == (raised, asyncio.CancelledError)
    no_logged_failures.clear()


def test_the_end_waits_for_a_coroutine_that_cleans_up_or_does_not_stop() -> None:
    async def handler() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return str(await soon("cleaned up"))

    async def test() -> Any:
        running = run(handler())
        await turns()
        running.cancel()
        running.cancel()
        assert not running.called
        return await ended(running)

    assert on_loop(test) == "cleaned up"


# -- whatever it is --


def test_what_ends_processes_ends_the_job_alone() -> None:
    async def leaves() -> None:
        raise SystemExit(3)

    async def interrupts() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    async def handler() -> list[str]:
        task = asyncio.create_task(interrupts())
        await asyncio.sleep(0)
        task.cancel()
        return [repr(error) for error in await asyncio.gather(leaves(), task, return_exceptions=True)]

    assert on_loop(lambda: outcome(handler)) == [
        'RuntimeError("a job can\'t end its worker (SystemExit)")',
        'RuntimeError("a job can\'t end its worker (KeyboardInterrupt)")',
    ]
    assert isinstance(on_loop(lambda: outcome(leaves)), RuntimeError)


class Compiled:
    """A coroutine as Cython makes them: not one of Python's."""

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Iterator[Any]:
        return self._coroutine.__await__()


def test_coroutines_of_other_compilers_and_futures_run_as_well() -> None:
    async def both() -> int:
        await asyncio.sleep(0)
        return int(await soon(3))

    class Awaitable:
        def __await__(self) -> Any:
            return (yield from soon(4).__await__())

    async def test() -> list[Any]:
        compiled = Compiled(both())
        assert is_coroutine(compiled)
        made = [compiled, asyncio.create_task(asyncio.sleep(0, 5)), Awaitable(), soon(6)]
        return [await ended(run(each)) for each in made]

    assert on_loop(test) == [3, 5, 4, 6]


def test_without_a_loop_compiled_coroutines_run_as_well() -> None:
    if has_loop():
        pytest.skip("the tests have a reactor that runs on an event loop")

    async def later() -> int:
        return int(await succeed(3))

    found: list[int] = []
    run(Compiled(later())).addCallback(found.append)
    assert found == [3]


def test_who_inspects_tasks_sees_coroutines() -> None:
    async def handler() -> list[Any]:
        task = asyncio.current_task()
        assert task is not None
        coroutine: Any = task.get_coro()
        return [inspect.getcoroutinestate(coroutine), "handler" in repr(task), bool(task.get_stack())]

    assert on_loop(lambda: outcome(handler)) == [inspect.CORO_RUNNING, True, True]


def test_generators_of_twisted_and_context_variables_are_as_ever() -> None:
    variable: ContextVar[str] = ContextVar("variable")

    @inlineCallbacks
    def generator() -> Any:
        yield soon()
        return (yield soon(variable.get("none")))

    async def inner() -> str:
        return str(await generator())

    async def handler() -> list[str]:
        variable.set("mine")
        return [await inner(), await asyncio.create_task(inner())]

    async def test() -> list[Any]:
        return [await outcome(handler), variable.get("none")]

    assert on_loop(test) == [["mine", "mine"], "none"]


def test_a_factory_of_somebody_elses_makes_the_tasks_of_relay_as_well() -> None:
    made: list[Any] = []

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def handler() -> Any:
        asyncio.get_running_loop().set_task_factory(factory)
        return await ended(run(inner()))

    async def inner() -> Any:
        return await asyncio.create_task(soon_and(5))

    async def soon_and(result: int) -> Any:
        return await soon(result)

    assert on_loop(lambda: outcome(handler)) == 5
    assert len(made) == 1


def test_tasks_are_told_of_although_their_factory_was_replaced() -> None:
    told: list[Any] = []

    async def handler() -> Any:
        loop = asyncio.get_running_loop()
        prepare(loop, lambda claim, task: told.append(task))
        loop.set_task_factory(None)
        return await ended(copy_context().run(begun))

    def begun() -> Deferred[bool]:
        CURRENT.set(CLAIM)
        return run(begins())

    async def begins() -> bool:
        task = asyncio.create_task(asyncio.sleep(0))
        await task
        return told == [task]

    assert on_loop(lambda: outcome(handler)) is True


@pytest.mark.parametrize("what", [succeed(1), 5])
def test_what_is_not_a_coroutine_can_not_be_a_task(what: Any) -> None:
    async def handler() -> None:
        await asyncio.create_task(what)

    error = on_loop(lambda: outcome(handler))
    assert isinstance(error, TypeError)
    assert "a coroutine was expected, got " in str(error)
