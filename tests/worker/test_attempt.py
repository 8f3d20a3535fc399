"""One attempt, with a clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec
import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, race, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger, eventAsText, globalLogPublisher
from twisted.python.failure import Failure

from relay import Context, JobError, job
from relay.handlers import handler
from relay.state import Claim, Job, State
from relay.store.messages import End
from relay.worker.attempt import GRACE, LINGER, POSTPONED, Attempt, Place
from relay.worker.end import Ends
from relay.worker.overdue import Overdue
from relay.worker.retry import LONGEST_PAUSE, pause


class Scene:
    """A handler about to be run once."""

    def __init__(
        self, function: Callable[..., Any], arguments: Any = None, seconds: float = 0, **job: Any
    ) -> None:
        self.clock = Clock()
        self.handler = handler(function)
        self.seconds = seconds or self.handler.options.timeout
        once = self.handler.options.once
        text = json.dumps(arguments or {})
        kept = Job("f", "default", "me", "", 0, job.get("attempts", 1), "", "", once, "", text)
        claim = Claim("0-a-b", kept, job.get("attempt", 1), 1, 0)
        self.closed = 0
        self.cancelled = False
        self.overdue = Overdue(self.clock, places=2)
        place = Place(self.clock, self.in_thread, Ends(result_limit=100), self.overdue)
        ties: Any = self
        context = Context("0-a-b", 1, 1, 0.0, "0-a-b", "", {}, Logger(), ties)
        self.attempt = Attempt(place, claim, self.handler, context, ties)
        self.threads: list[tuple[Callable[..., Any], Deferred[Any]]] = []
        self.ends: list[End] = []
        self.freed: list[None] = []
        self.attempt.end.addCallback(self.ends.append)
        self.attempt.free.addCallback(self.freed.append)

    def close(self) -> None:
        """What the attempt does with its ties, which this stands in for."""
        self.closed += 1

    def cancel(self) -> None:
        self.cancelled = True

    def begin(self) -> Scene:
        self.attempt.begin(self.seconds)
        return self

    def in_thread(self, function: Callable[..., Any]) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.threads.append((function, done))
        return done

    @property
    def end(self) -> End:
        (end,) = self.ends
        return end

    @property
    def problem(self) -> dict[str, Any]:
        assert self.end.state is State.FAILED
        return msgspec.json.decode(self.end.payload, type=dict[str, Any])


@pytest.fixture
def told() -> Iterator[list[LogEvent]]:
    """What is logged of jobs."""
    events: list[LogEvent] = []

    def watch(event: LogEvent) -> None:
        if "id" in event:
            events.append(event)

    globalLogPublisher.addObserver(watch)
    yield events
    globalLogPublisher.removeObserver(watch)


def test_a_value_a_deferred_and_a_coroutine_end_the_same() -> None:
    def value(a: int) -> int:
        return a

    def deferred(a: int) -> Deferred[int]:
        return succeed(a)

    async def coroutine(a: int) -> int:
        return await succeed(a)

    for function in (value, deferred, coroutine):
        scene = Scene(job(name="f")(function), {"a": 3}).begin()
        assert scene.end == End("0-a-b", State.SUCCEEDED, "3")
        assert scene.freed == [None]
        assert not scene.clock.getDelayedCalls()


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
    assert scene.end == End("0-a-b", State.FAILED, "interrupted")


def test_a_handler_that_ends_well_all_the_same_has_succeeded() -> None:
    async def insists() -> str:
        with contextlib.suppress(CancelledError):
            await Deferred()
        return "it was done"

    scene = Scene(job(name="f")(insists)).begin()
    scene.attempt.stop(State.CANCELLED)
    assert scene.end == End("0-a-b", State.SUCCEEDED, '"it was done"')


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
    assert scene.cancelled
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
    assert scene.threads[0][0]() == 6


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


def test_pauses_grow_with_jitter_up_to_a_limit() -> None:
    assert [pause(n, 99, jitter=1) for n in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert [pause(n, 99, jitter=0) for n in (1, 2, 3, 4)] == [0.5, 1, 2, 4]
    assert pause(98, 99, jitter=1) == LONGEST_PAUSE
    assert pause(1, 1) is None
    assert 0.5 <= (pause(1, 2) or 0) <= 1


# -- whatever a handler does --


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


def test_a_failure_that_is_returned_is_one(no_logged_failures: list[LogEvent]) -> None:
    async def later() -> Failure:
        return Failure(ValueError("returned"))

    for function in (lambda: Failure(ValueError("returned")), later):
        assert Scene(job(name="f")(function)).begin().problem["type"] == "/problems/job-failed"
        assert no_logged_failures.pop()["log_failure"].check(ValueError)


async def generates() -> Any:
    yield 1


@pytest.mark.parametrize(
    "function", [lambda: (n for n in ()), generates, lambda: asyncio.Future, lambda: len]
)
def test_what_is_not_a_result_is_refused_as_one(function: Any) -> None:
    assert Scene(job(name="f")(function)).begin().problem["type"] == "/problems/result-not-json"


# -- handlers that do not stop --


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
    assert scene.end == End("0-a-b", State.SCHEDULED, delay=int(POSTPONED * 1000), free=not before)


def test_a_job_that_must_not_run_twice_is_interrupted_by_the_workers_end_though_its_thread_runs_on() -> None:
    scene = Scene(job(name="f", thread=True, once=True)(lambda: None)).begin()
    scene.attempt.leave()
    scene.clock.advance(GRACE)
    assert scene.end == End("0-a-b", State.FAILED, "interrupted")


def test_what_a_handler_returns_too_late_is_in_the_log(told: list[LogEvent]) -> None:
    scene = Scene(job(name="f", thread=True, timeout=5)(lambda: None)).begin()
    scene.clock.pump([5, GRACE])
    scene.threads[0][1].callback("too late")
    assert "before its handler returned a value of type str" in eventAsText(told[-2])
    assert scene.end.state is State.FAILED


# -- what is said of an end --


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


def test_arguments_that_do_not_fit_leave_a_line(told: list[LogEvent]) -> None:
    Scene(job(name="f")(lambda: None), {"new": 1}).begin()
    assert "bad-arguments" in eventAsText(told[-1])


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
