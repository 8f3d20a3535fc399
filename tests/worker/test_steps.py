"""Steps: done once over all attempts of a job, on workers with the store in memory, and alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.logger import capturedLogs, eventAsText

from relay import Context, JobError, job
from relay.model.problems.job import ResultNotJson, StepTooLarge
from relay.model.state import State
from relay.worker.job_steps import LARGEST, MOST, JobSteps
from relay.worker.notes import Notes
from tests.worker.family import Family

done: list[Any] = []


@pytest.fixture(autouse=True)
def families() -> Iterator[list[Family]]:
    made: list[Family] = []
    done.clear()
    yield made
    for family in made:
        family.stop()


def family(families: list[Family], function: Any, *handlers: Any, once: bool = False, **kinds: Any) -> Family:
    @job(name="stepping", timeout=600, once=once)
    async def stepping(context: Context) -> Any:
        return await function(context)

    families.append(Family(stepping, *handlers, **kinds))
    return families[-1]


def noted(what: Any, result: Any = None) -> Callable[[], Any]:
    def do() -> Any:
        done.append(what)
        return what if result is None else result

    return do


class Alone:
    """The steps of one attempt, and a store that has what it is told at once, or when a test says so."""

    def __init__(self, kept: str = "", is_slow: bool = False) -> None:
        self.notes = Notes(kept)
        self.told: list[str] = []
        self.telling: list[Deferred[None]] = []
        self._is_slow = is_slow
        self.steps = JobSteps(self.notes, self.keep)

    def keep(self) -> Deferred[None]:
        self.told.append(self.notes.written())
        if not self._is_slow:
            return succeed(None)
        self.telling.append(Deferred())
        return self.telling[-1]

    def run(self, name: str, function: Callable[[], Any]) -> list[Any]:
        """The result, as soon as it is there."""
        found: list[Any] = []
        self.steps.run(name, function).addBoth(found.append)
        return found


# -- alone --


def test_a_step_is_done_when_the_store_has_its_result() -> None:
    alone = Alone(is_slow=True)
    found = alone.run("a", noted("a"))
    assert (done, found) == (["a"], [])
    alone.telling[0].callback(None)
    assert found == ["a"]


def test_a_step_of_an_earlier_attempt_is_not_done_again() -> None:
    first = Alone()
    first.run("a", noted("a", {"n": (1, 2)}))
    second = Alone(first.told[-1])
    assert second.run("a", noted("again")) == [{"n": [1, 2]}]
    assert done == ["a"]
    assert second.told == []


def test_a_result_has_the_same_types_when_it_is_new_and_when_it_is_replayed() -> None:
    first = Alone()
    (new,) = first.run("a", lambda: {"t": (1, 2), "s": {3}})
    (replayed,) = Alone(first.told[-1]).run("a", lambda: None)
    assert new == replayed == {"t": [1, 2], "s": [3]}


def test_functions_may_be_plain_async_or_give_a_deferred() -> None:
    async def coroutine() -> int:
        return 1

    alone = Alone()
    assert alone.run("a", coroutine) == [1]
    assert alone.run("b", lambda: succeed(2)) == [2]
    assert alone.run("c", lambda: 3) == [3]
    assert json.loads(alone.told[-1][1:]) == {"steps": {"a": 1, "b": 2, "c": 3}}


def test_steps_may_run_at_once() -> None:
    alone, first, second = Alone(), Deferred[int](), Deferred[int]()
    found = [alone.run("a", lambda: first), alone.run("b", lambda: second)]
    second.callback(2)
    first.callback(1)
    assert found == [[1], [2]]
    assert json.loads(alone.told[-1][1:]) == {"steps": {"b": 2, "a": 1}}


def test_two_steps_of_one_name_are_a_mistake() -> None:
    alone = Alone()
    alone.run("a", noted("a"))
    with pytest.raises(ValueError, match="another step 'a'"):
        alone.steps.run("a", noted("a"))


@pytest.mark.parametrize("name", ["", "x" * 256, 7, "\ud800"])
def test_a_name_is_a_short_text_and_another_is_not_kept(name: Any) -> None:
    alone = Alone()
    with pytest.raises(ValueError, match="1 to 255 whole characters"):
        alone.steps.run(name, noted("a"))
    assert alone.run("a", noted("a")) == ["a"]


def test_a_step_that_failed_is_not_stored_and_may_be_tried_again() -> None:
    alone = Alone()
    (failure,) = alone.run("a", lambda: 1 / 0)
    assert failure.check(ZeroDivisionError)
    assert alone.told == []
    assert alone.run("a", noted("a")) == ["a"]


def test_what_is_not_json_or_too_large_is_refused() -> None:
    alone = Alone()
    assert alone.run("a", object)[0].check(ResultNotJson)
    (failure,) = alone.run("b", lambda: "x" * LARGEST)
    assert failure.check(StepTooLarge)
    assert failure.value.members == {"limit": LARGEST}
    assert alone.run("c", lambda: "x" * (LARGEST - 2)) == ["x" * (LARGEST - 2)]
    for name in "def":
        (last,) = alone.run(name, lambda: "x" * (LARGEST - 4))
    assert last == "x" * (LARGEST - 4)
    (failure,) = alone.run("g", lambda: 12)
    assert failure.check(StepTooLarge)
    assert failure.value.members == {"limit": MOST}


def test_a_checkpoint_alone_is_kept_as_it_always_was() -> None:
    notes = Notes()
    assert notes.last is None
    notes.checkpoint('{"at":1}')
    assert notes.written() == '{"at":1}'
    assert Notes('{"at":1}').last == {"at": 1}


def test_checkpoint_and_steps_are_kept_together() -> None:
    notes = Notes('"before"')
    notes.keep_step("a", b"1")
    assert Notes(notes.written()).last == "before"
    notes.checkpoint('"after"')
    again = Notes(notes.written())
    assert (again.last, again.step("a"), again.step("b")) == ("after", b"1", None)
    assert Notes(Notes('~{"steps":{"a":1}}').written()).last is None


# -- on workers --


def test_a_step_that_is_not_awaited_ends_with_its_job(families: list[Family]) -> None:
    async def function(context: Context) -> str:
        async def left() -> None:
            try:
                await Deferred()
            finally:
                done.append("ended")

        context.step("left", left)
        return "over"

    made = family(families, function)
    with capturedLogs() as logs:
        job = made.submit("stepping")
        assert made.outcome(job).state is State.SUCCEEDED
    assert done == ["ended"]
    (line,) = [eventAsText(event) for event in logs if "step" in eventAsText(event)]
    assert f"step 'left' of job {job}" in line


def test_another_attempt_goes_on_behind_the_steps_that_were_done(families: list[Family]) -> None:
    async def stepping(context: Context) -> Any:
        first = await context.step("first", noted("first"))
        last = context.last
        await context.checkpoint({"at": 1})
        second = await context.step("second", noted("second"))
        if context.attempt < 3:
            raise JobError("not yet", retryable=True)
        return [first, second, last]

    made = family(families, stepping)
    assert made.result(made.submit("stepping", job={"attempts": 3}), within=20) == [
        "first",
        "second",
        {"at": 1},
    ]
    assert done == ["first", "second"]


def test_steps_survive_the_death_of_a_worker(families: list[Family]) -> None:
    async def stepping(context: Context) -> Any:
        await context.step("first", noted("first"))
        if context.attempt == 1:
            await Deferred()
        return "done"

    made = family(families, stepping, workers=2)
    id = made.submit("stepping", job={"attempts": 3})
    made.turn(0.5)
    (live,) = made.store.data.jobs.values()
    assert live.run is not None
    made.kill(next(member for member in made.members if live.run.session.startswith(member.name)))
    assert made.result(id) == "done"
    assert done == ["first"]


@pytest.mark.parametrize(("steps", "state"), [(True, State.SUCCEEDED), (False, State.FAILED)])
def test_a_job_that_must_not_run_twice_goes_on_if_it_has_done_a_step(
    families: list[Family], steps: bool, state: State
) -> None:
    async def stepping(context: Context) -> Any:
        if steps:
            await context.step("first", noted("first"))
        if context.starts == 1:
            await Deferred()

    made = family(families, stepping, workers=2, once=True)
    id = made.submit("stepping", job={"once": True})
    made.turn(0.5)
    (live,) = made.store.data.jobs.values()
    assert live.run is not None
    made.kill(next(member for member in made.members if live.run.session.startswith(member.name)))
    assert made.outcome(id).state is state


def test_steps_are_told_again_to_a_store_that_forgot_them(families: list[Family]) -> None:
    waiting: list[Deferred[None]] = []

    async def stepping(context: Context) -> Any:
        await context.step("first", noted("first"))
        if not waiting:
            waiting.append(Deferred())
            await waiting[0]
            raise JobError("not yet", retryable=True)

    made = family(families, stepping)
    id = made.submit("stepping", job={"attempts": 2})
    made.turn(0.5)
    made.store.lose_data()
    made.turn(3)
    waiting[0].callback(None)
    made.result(id, within=10)
    assert done == ["first"]


def test_sub_jobs_of_a_step_are_not_those_of_another(families: list[Family]) -> None:
    @job
    def count(n: int) -> int:
        done.append(n)
        return len(done)

    async def stepping(context: Context) -> Any:
        async def first() -> Any:
            return await context.submit(count, n=1)

        one = await context.step("first", first)
        two = await context.submit(count, n=1)
        if context.attempt == 1:
            raise JobError("not yet", retryable=True)
        return [one, two]

    made = family(families, stepping, count)
    assert made.result(made.submit("stepping", job={"attempts": 2}), within=10) == [1, 2]


def test_a_step_that_is_too_large_is_the_jobs_problem(families: list[Family]) -> None:
    async def stepping(context: Context) -> Any:
        await context.step("first", lambda: "x" * 100_000)

    made = family(families, stepping)
    problem = made.problem(made.submit("stepping"))
    assert (problem["type"], problem["limit"]) == ("/problems/step-too-large", LARGEST)
    assert problem["detail"].startswith("step 'first' returned 100002 bytes")
