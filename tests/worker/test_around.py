"""What stands around an attempt: in the context of its handler, and told of its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogEvent

from relay import Context, JobAttempt, around, job
from relay.handlers.hooks import Hooks, hooks_of
from relay.handlers.options import HandlerError
from relay.handlers.registry import Registry
from relay.model.state import State
from relay.testing import Relay
from relay.worker.around import Around
from tests.worker.scene import Scene

WHERE: ContextVar[str] = ContextVar("where", default="outside")
said: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    said.clear()


@around
def first(attempt: JobAttempt) -> Iterator[None]:
    token = WHERE.set(f"in {attempt.name} {attempt.number}")
    said.append(f"begins {attempt.id}")
    try:
        yield
    except Exception as error:
        said.append(error)
        raise
    finally:
        said.append("ends")
        WHERE.reset(token)


@around
def second(attempt: JobAttempt) -> Iterator[None]:
    said.append("second")
    yield
    said.append("second ends")


def ran(function: Callable[..., Any], *surrounding: Any) -> Scene:
    """An attempt with those functions around it, begun."""
    scene = Scene(job(name="f")(function))
    functions = surrounding or (first,)
    place = scene.attempt._place
    object.__setattr__(place, "around", Around(functions, lambda claim: None).begin)
    return scene.begin()


def test_a_handler_runs_between_what_stands_around_it() -> None:
    scene = ran(lambda: said.append(WHERE.get()), first, second)
    assert said == ["begins 0-a-b", "second", "in f 1", "second ends", "ends"]
    assert scene.end.state is State.SUCCEEDED
    assert WHERE.get() == "outside"


def test_it_ends_when_the_handler_has_ended() -> None:
    waits: Deferred[int] = Deferred()
    scene = ran(lambda: waits)
    assert said == ["begins 0-a-b"]
    waits.callback(5)
    assert said == ["begins 0-a-b", "ends"]
    assert scene.end.payload == "5"


def test_it_is_told_what_the_handler_raised_with_its_lines(no_logged_failures: list[LogEvent]) -> None:
    def broken() -> None:
        raise ValueError(WHERE.get())

    scene = ran(broken)
    error = said[1]
    assert (type(error), str(error), said[2]) == (ValueError, "in f 1", "ends")
    lines = []
    traceback = error.__traceback__
    while traceback is not None:
        lines.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert lines[-1] == "broken"
    assert scene.end.state is State.FAILED
    assert "in broken" in str(no_logged_failures[0]["log_failure"].getTraceback())
    no_logged_failures.clear()


def test_a_stop_is_no_error_to_it() -> None:
    scene = ran(lambda: Deferred())
    scene.attempt.stop(State.CANCELLED)
    assert said == ["begins 0-a-b", "ends"]
    assert scene.end.state is State.CANCELLED


def test_what_fails_before_the_handler_fails_the_attempt(no_logged_failures: list[LogEvent]) -> None:
    @around
    def broken(attempt: JobAttempt) -> Iterator[None]:
        raise OSError("no")
        yield

    scene = ran(lambda: said.append("never"), first, broken)
    assert [type(each) for each in said] == [str, OSError, str]
    assert scene.end.state is State.FAILED
    assert len(no_logged_failures) == 1
    no_logged_failures.clear()


@pytest.mark.parametrize("how", ["raises", "yields again", "leaves the error out"])
def test_what_fails_after_the_handler_is_logged_and_changes_nothing(
    how: str, no_logged_failures: list[LogEvent]
) -> None:
    @around
    def broken(attempt: JobAttempt) -> Iterator[None]:
        if how == "leaves the error out":
            try:
                yield
            except ValueError:
                return
        yield
        if how == "raises":
            raise OSError("no")
        yield

    def fails() -> None:
        raise ValueError("as it was")

    scene = ran(fails if how == "leaves the error out" else lambda: 5, first, broken)
    assert said[-1] == "ends"
    if how == "leaves the error out":
        assert scene.end.state is State.FAILED
        assert [type(event["log_failure"].value) for event in no_logged_failures] == [ValueError]
    else:
        assert scene.end.payload == "5"
        assert "around job 0-a-b (f) failed after it" in no_logged_failures[0]["log_format"].format(
            id="0-a-b", name="f"
        )
    no_logged_failures.clear()


@job
async def awaits() -> str:
    await asyncio.sleep(1)
    return WHERE.get()


@job
async def begins_a_task() -> str:
    return await asyncio.create_task(awaits())


@job(thread=True)
def in_a_thread() -> str:
    return WHERE.get()


@job
async def calls_a_thread(context: Context) -> str:
    return await context.thread(WHERE.get)


@pytest.mark.parametrize("handler", [awaits, begins_a_task, in_a_thread, calls_a_thread])
def test_what_it_sets_is_seen_wherever_the_handler_runs(handler: Any) -> None:
    with Relay(__name__) as relay:
        assert relay.run(handler).result == f"in {handler.__name__} 1"
    assert said[-1] == "ends"


@pytest.mark.parametrize(
    "wrong",
    [lambda attempt: None, succeed, lambda: (yield), lambda attempt, settings: (yield)],
    ids=["no generator", "built in", "takes nothing", "takes more"],
)
def test_what_can_not_stand_around_is_refused(wrong: Any) -> None:
    with pytest.raises(HandlerError, match="around: "):
        around(wrong)


def test_those_of_a_module_are_found_in_their_order() -> None:
    assert Registry.load([__name__]).hooks == Hooks(around=(first, second)) == hooks_of([first, second])
