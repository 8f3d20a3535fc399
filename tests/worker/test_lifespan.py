"""What a worker does before its first job and after its last."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, eventAsText, formatEvent

from relay import on_start, on_stop
from relay.handlers.hooks import Hooks, hooks_of
from relay.handlers.options import HandlerError
from relay.handlers.registry import Registry
from relay.worker.awaited import begin
from relay.worker.lifespan import LATE, HookFailed, Lifespan
from relay.worker.shareds import Shareds
from tests.processes import RedisProcess, RelayProcess, eventually


class Span:
    """A lifespan with hooks, and what comes of it."""

    def __init__(self, *functions: Callable[..., Any]) -> None:
        self.clock = Clock()
        self.hooks = hooks_of(list(functions)) if functions else Hooks()
        self.lifespan = Lifespan(self.clock, self.hooks, Shareds(self.clock, {}))

    def start(self) -> list[Any]:
        found: list[Any] = []
        self.starting = self.lifespan.start()
        self.starting.addBoth(found.append)
        return found

    def stop(self) -> list[Any]:
        found: list[Any] = []
        begin(lambda: self.lifespan.stop(5)).addBoth(found.append)
        return found


def test_a_worker_without_hooks_serves_at_once() -> None:
    assert Span().start() == [None]


def test_hooks_are_called_one_after_the_other_and_in_the_opposite_order_in_the_end() -> None:
    said: list[str] = []
    opened: Deferred[None] = Deferred()

    @on_start
    async def first() -> None:
        await opened
        said.append("first")

    @on_start
    @on_stop
    def second() -> None:
        said.append("second")

    @on_stop
    def third() -> None:
        said.append("third")

    span = Span(first, second, third)
    started = span.start()
    assert (started, said) == ([], [])
    opened.callback(None)
    assert (started, said) == ([None], ["first", "second"])
    assert span.stop() == [None]
    assert said[2:] == ["third", "second"]


def test_a_hook_that_fails_is_told_of_in_one_line_and_no_other_is_called() -> None:
    said: list[str] = []

    @on_start
    def fails() -> None:
        raise ConnectionRefusedError("the database\nis away")

    @on_start
    @on_stop
    def other() -> None:
        said.append("other")

    span = Span(fails, other)
    (failure,) = span.start()
    assert failure.check(HookFailed)
    text = str(failure.value)
    assert "fails failed: ConnectionRefusedError: the database is away, at " in text
    assert f"{__file__}:" in text
    assert "\n" not in text
    assert (span.stop(), said) == ([None], [])


def test_a_worker_that_is_stopped_while_it_starts_waits_for_no_hook() -> None:
    @on_start
    async def waits() -> None:
        await Deferred()

    span = Span(waits)
    found = span.start()
    with capturedLogs() as said:
        span.clock.advance(LATE)
    assert [formatEvent(each).split(" has ")[0] for each in said] == [f"on_start {span.hooks.start[0]}"]
    span.starting.cancel()
    assert span.clock.getDelayedCalls() == []
    assert isinstance(found[0].value.__cause__, CancelledError)
    assert span.stop() == [None]


def test_a_hook_that_does_not_end_is_left_after_a_time(no_logged_failures: list[LogEvent]) -> None:
    @on_stop
    async def waits() -> None:
        await Deferred()

    span = Span(waits)
    span.start()
    done = span.stop()
    span.clock.advance(5)
    assert done == [None]
    assert "waits failed" in eventAsText(no_logged_failures[0])
    no_logged_failures.clear()


ERRORS = asyncio.CancelledError(), SystemExit("no settings"), BaseException()  # none is an Exception


@pytest.mark.parametrize("error", ERRORS)
def test_whatever_a_hook_raises_it_is_named_and_the_worker_does_not_serve(error: BaseException) -> None:
    @on_start
    def fails() -> None:
        raise error

    (failure,) = Span(fails).start()
    assert failure.check(HookFailed)
    assert f"fails failed: {type(error).__name__}" in str(failure.value)


@pytest.mark.parametrize("error", ERRORS)
def test_whatever_a_hook_raises_in_the_end_the_others_are_called(
    error: BaseException, no_logged_failures: list[LogEvent]
) -> None:
    said: list[str] = []

    @on_stop
    def other() -> None:
        said.append("other")

    @on_stop
    async def fails() -> None:
        raise error

    span = Span(other, fails)
    span.start()
    assert (span.stop(), said) == ([None], ["other"])
    assert "fails failed" in eventAsText(no_logged_failures[0])
    no_logged_failures.clear()


def test_a_hook_that_goes_on_after_its_time_is_left_and_the_others_are_called(
    no_logged_failures: list[LogEvent],
) -> None:
    said: list[str] = []

    @on_stop
    async def quick() -> None:
        said.append("quick")

    @on_stop
    async def deaf() -> None:
        while True:
            with suppress(CancelledError):
                await Deferred()

    span = Span(quick, deaf)
    span.start()
    done = span.stop()
    span.clock.advance(4.9)
    assert (done, said) == ([], [])
    span.clock.advance(0.1)
    assert (done, said) == ([None], ["quick"])
    assert "deaf failed" in eventAsText(no_logged_failures[0])
    no_logged_failures.clear()


def test_what_a_hook_can_not_be_given_is_refused() -> None:
    @on_start
    def wants(job_id: str) -> None: ...

    with pytest.raises(
        HandlerError, match=r"on_start: .*wants has a parameter job_id, but gets nothing but settings"
    ):
        hooks_of([wants])
    with pytest.raises(HandlerError, match=r"on_stop: .* is not a function"):
        on_stop(Deferred)


def test_hooks_are_found_where_they_are_declared_in_the_order_of_their_lines() -> None:
    hooks = Registry.load(["tests.worker.hook_jobs"]).hooks
    assert [hook.function.__name__ for hook in hooks.start] == ["begin", "warm"]
    assert [hook.function.__name__ for hook in hooks.stop] == ["stumble", "end"]
    assert Registry.load(["tests.worker.importing_jobs"]).only(["default"]).hooks == Hooks()


# -- in real workers --


@pytest.fixture
def front(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--grace", "5")
    front.start()
    yield front
    front.stop()


@pytest.fixture
def said(tmp_path: Path) -> Path:
    return tmp_path / "said"


def worker_of(redis: RedisProcess, said: Path, *more: str) -> RelayProcess:
    options = (
        "--redis",
        redis.url,
        "--jobs",
        "tests.worker.hook_jobs",
        "--set",
        f"said={said}",
        "--drain",
        "10",
    )
    return RelayProcess(said.parent, "worker", *options, *more)


def test_a_worker_calls_its_hooks_around_its_jobs_which_share_one_thing(
    redis: RedisProcess, front: RelayProcess, said: Path
) -> None:
    worker = worker_of(redis, said)
    worker.start()
    assert said.read_text().splitlines() == ["begin", "counter made", "warm at 0"]
    assert front.call("POST", "/jobs/count").json()["result"] == 1
    assert front.call("POST", "/jobs/count_in_thread").json()["result"] == [2, False]
    done = front.call("POST", "/jobs/all_at_once").json()
    assert done["result"] == ["program", "thread", "pause", "asyncio"]
    location = front.call("POST", "/jobs/work", headers={"Prefer": "respond-async"}).headers["location"]
    eventually(lambda: "progress" in front.call("GET", location).json(), "it works")
    worker.signal(signal.SIGTERM)
    assert worker.stop() == 0
    assert said.read_text().splitlines()[3:] == ["end at 12", "counter closed"]
    assert front.call("GET", location).json()["state"] == "succeeded"
    worker.wait_for("on_stop tests.worker.hook_jobs.stumble failed")
    assert worker.tracebacks() == 1


def test_a_worker_whose_hook_fails_does_not_serve_and_says_why(
    redis: RedisProcess, front: RelayProcess, said: Path
) -> None:
    worker = worker_of(redis, said, "--set", "broken=1")
    super(RelayProcess, worker).start()
    worker.wait_for(
        r"relay: on_start tests\.worker\.hook_jobs\.warm failed: ConnectionRefusedError: the database is away, at "
    )
    assert worker.process is not None
    assert worker.process.wait(20) == 1
    assert "relay worker serves" not in worker.log_tail(1000)
    assert said.read_text().splitlines() == ["begin", "counter made", "warm at 0", "counter closed"]
    assert worker.tracebacks() == 0
