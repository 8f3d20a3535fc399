"""Whatever a handler does, its attempt has its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from twisted.internet.defer import CancelledError, succeed
from twisted.logger import LogEvent, eventAsText
from twisted.python.failure import Failure

from relay import JobError, job
from relay.model.state import State
from relay.worker.end import Ends
from tests.worker.scene import Scene


class Base(BaseException):
    pass


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it has no text")

    __repr__ = __str__


class Broken(JobError):
    def problem(self, prefix: str = "") -> dict[str, Any]:
        raise RuntimeError("this problem can't be made")


class Unfinished(JobError):
    def __init__(self) -> None:
        pass


def raises(error: Any) -> Callable[[], None]:
    def function() -> None:
        raise error()

    return function


def raises_later(error: Any) -> Callable[[], Any]:
    async def function() -> None:
        await succeed(None)
        raise error()

    return function


ODD_ERRORS = [
    *(SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, RecursionError, MemoryError, Base, Mute),
    *(Broken, Unfinished),
    *(CancelledError, lambda: ValueError("x" * 1_000_000), lambda: ValueError("caf\udce9")),
    *(lambda: JobError(status=5), lambda: JobError(retryable=True, retry_after=cast(Any, "30"))),
    lambda: BaseExceptionGroup("several", [SystemExit(), Base()]),
    lambda: ExceptionGroup("several", [Mute(), ValueError()]),
]


@pytest.mark.parametrize("error", ODD_ERRORS)
@pytest.mark.parametrize("raising", [raises, raises_later])
def test_whatever_is_raised_is_an_end_with_a_traceback(
    raising: Any, error: Any, no_logged_failures: list[LogEvent]
) -> None:
    scene = Scene(job(name="f")(raising(error))).begin()
    assert scene.end.state is State.FAILED
    assert "job-failed" in scene.end.payload
    assert (scene.freed, scene.closed) == ([None], 1)
    (event,) = no_logged_failures
    assert (event["id"], event["name"], event["attempt"]) == ("0-a-b", "f", 1)
    text = eventAsText(event)
    assert "Traceback" in text
    assert len(text.encode()) < 20_000
    no_logged_failures.clear()


@pytest.mark.parametrize("error", ODD_ERRORS)
def test_whatever_a_thread_raises_is_an_end(error: Any, no_logged_failures: list[LogEvent]) -> None:
    scene = Scene(job(name="f", thread=True, retries=2)(raises(error)), attempts=3).begin()
    function, done = scene.threads[0]
    try:
        function()
    except BaseException:
        done.errback(Failure())
    assert (scene.end.state, scene.freed) == (State.SCHEDULED, [None])
    assert no_logged_failures.pop()["log_failure"]


def test_an_error_in_what_ends_an_attempt_does_not_keep_it_from_ending(
    no_logged_failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(job(name="f")(lambda: 5))
    monkeypatch.setattr(scene, "close", lambda: 1 / 0)
    scene.begin()
    assert (scene.end.payload, scene.freed) == ("5", [None])
    assert no_logged_failures.pop()["log_failure"].check(ZeroDivisionError)


@pytest.mark.parametrize("function", [raises(ValueError), raises(JobError), lambda: object()])
def test_an_end_does_not_depend_on_a_log(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ends, "_log", None)
    scene = Scene(job(name="f")(function)).begin()
    assert (scene.end.state, scene.freed) == (State.FAILED, [None])


class Lazy:
    """As a proxy is whose object is not there: it can't even be asked for its class."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("outside of its context")

    @__class__.setter
    def __class__(self, value: Any) -> None: ...


def test_a_result_that_can_not_be_asked_for_its_class_is_an_end(no_logged_failures: list[LogEvent]) -> None:
    async def later() -> Any:
        return Lazy()

    for function in (lambda: Lazy(), later):
        scene = Scene(job(name="f")(function)).begin()
        assert (scene.end.state, scene.freed) == (State.FAILED, [None])
    scene = Scene(job(name="f", thread=True)(lambda: Lazy())).begin()
    function, done = scene.threads[0]
    done.callback(function())
    assert (scene.end.state, scene.freed) == (State.FAILED, [None])
    no_logged_failures.clear()


def test_a_failure_that_is_returned_is_one(no_logged_failures: list[LogEvent]) -> None:
    async def later() -> Failure:
        return Failure(ValueError("returned"))

    for function in (lambda: Failure(ValueError("returned")), later):
        assert Scene(job(name="f")(function)).begin().problem["type"] == "/problems/job-failed"
        assert no_logged_failures.pop()["log_failure"].check(ValueError)


async def generates() -> Any:
    yield 1


@pytest.mark.parametrize(
    "function", [lambda: (n for n in ()), lambda: generates(), lambda: asyncio.Future, lambda: len]
)
def test_what_is_not_a_result_is_refused_as_one(function: Any) -> None:
    assert Scene(job(name="f")(function)).begin().problem["type"] == "/problems/result-not-json"
