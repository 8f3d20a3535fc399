"""Jobs that submit jobs: on workers with the store in memory, by a clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogEvent

from relay import Context, JobError, SubJob, SubJobFailed, job
from relay.handlers.registry import Registry
from relay.handlers.sub_job import SubmissionTerms
from relay.model.job import Claim, Job, JobTemplate
from relay.model.problems.request import BadArguments, KeyReused, StoreAway
from relay.model.state import State
from relay.model.status import JobStatus
from relay.submitting.waiters import Waiters
from relay.worker import runner
from relay.worker.callable_jobs import CallableJobs
from relay.worker.sub_jobs import SubJobs, Submitting
from tests.worker.family import Family

running: dict[Any, Deferred[Any]] = {}  # handlers that last until the test ends them, by their argument
seen: list[Any] = []


@pytest.fixture(autouse=True)
def families() -> Iterator[list[Family]]:
    made: list[Family] = []
    running.clear()
    seen.clear()
    yield made
    for family in made:
        family.stop()


@job
def square(n: int) -> int:
    if n < 0:
        raise JobError("it is negative", status=422, type="negative", n=n)
    return n * n


@job(timeout=600)
def lasting(n: int) -> Deferred[Any]:
    running[n] = Deferred()
    return running[n]


@dataclass
class Point:
    x: int
    y: int = 0


@job
def point(x: int) -> Point:
    return Point(x, 2)


def a_parent(function: Any, **options: Any) -> Any:
    """A handler around what a test does in one."""

    @job(name="parent", timeout=600, **options)
    async def parent(context: Context, n: int = 0) -> Any:
        return await function(context, n)

    return parent


def family(
    families: list[Family], function: Any, *handlers: Any, options: Any = None, **kinds: Any
) -> Family:
    made = Family(a_parent(function, **(options or {})), square, lasting, point, *handlers, **kinds)
    families.append(made)
    return made


# -- what a handler gets --


def test_a_sub_jobs_result_has_the_type_that_its_handler_declares(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        found = await context.submit(point, x=n)
        return [isinstance(found, Point), found.y]

    made = family(families, parent)
    assert made.result(made.submit("parent", n=3)) == [True, 2]


def test_it_can_be_awaited_often_and_by_name_and_with_positions(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        by_name, by_position = context.submit("square", n=n), context.submit(square, 4)
        assert isinstance(by_name, SubJob)
        return [await by_name, await by_name, await by_name.deferred(), await by_position, by_name.id]

    made = family(families, parent)
    *results, id = made.result(made.submit("parent", n=3))
    assert results == [9, 9, 9, 16]
    assert made.known(id).state is State.SUCCEEDED


def test_gathered_results_stand_in_their_order(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        found: list[Any] = await context.gather(*(context.submit(square, n=i) for i in range(n)))
        mixed = await context.gather(
            context.submit(square, n=-1), context.submit(square, n=2), return_exceptions=True
        )
        return [found, type(mixed[0]).__name__, mixed[1], await context.gather()]

    made = family(families, parent)
    assert made.result(made.submit("parent", n=20)) == [[i * i for i in range(20)], "SubJobFailed", 4, []]


def test_the_first_failure_of_those_that_are_gathered_is_raised_at_once(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        try:
            await context.gather(context.submit(lasting, n=1), context.submit(square, n=-1))
        except SubJobFailed as error:
            return [error.type, error.job_status, error.members["n"]]

    made = family(families, parent)
    assert made.result(made.submit("parent")) == ["negative", 422, -1]


def test_what_is_gathered_must_be_sub_jobs(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        try:
            await context.gather([context.submit(square, n=1)])  # type: ignore[arg-type]
        except TypeError as error:
            return str(error)

    made = family(families, parent)
    assert "each as an argument, not a value of type list" in made.result(made.submit("parent"))


def test_a_failure_that_nobody_catches_is_the_parents_problem(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        seen.append(context.submit(square, n=-7))
        return await seen[-1]

    made = family(families, parent)
    problem = made.problem(made.submit("parent"))
    assert (problem["type"], problem["status"], problem["detail"]) == (
        "/problems/negative",
        422,
        "it is negative",
    )
    assert (problem["n"], problem["job"], problem["retryable"]) == (-7, seen[0].id, False)


def test_a_cancelled_sub_job_has_failed(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        child = context.submit(lasting, n=1)
        seen.append(child)
        try:
            await child
        except SubJobFailed as error:
            return error.type

    made = family(families, parent)
    id = made.submit("parent")
    made.turn(0.5)
    Deferred.fromCoroutine(made.front.cancel("*", seen[0].id))
    assert made.result(id) == "cancelled"


# -- what it is submitted as --


def test_a_sub_job_has_its_parents_owner_caller_and_trace_and_goes_first(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        context.submit(lasting, n=1)
        await context.submission(detached=True)(lasting, n=2)

    made = family(families, parent)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    given = {"owner": "sub:alice", "caller": "app", "fair": True, "trace": trace, "priority": 40}
    id = made.submit("parent", job=given)
    made.turn(0.5)
    found = dict(made.jobs("lasting"))
    for child in found.values():
        assert (child.owner, child.caller, child.fair, child.trace) == ("sub:alice", "app", True, trace)
        assert (child.priority, child.depth, child.inbox) == (41, 1, "worker0")
    assert {child.parent for child in found.values()} == {id, ""}
    assert made.store.data.alive("app") == 3
    for each in found:
        assert made.front.mint().count("-") == each.count("-")
        assert len(each) == len(made.front.mint()) + 5  # the mark of its owner


def test_the_highest_priority_is_not_passed(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        await context.submit(lasting, n=1)

    made = family(families, parent)
    made.submit("parent", job={"priority": 255})
    made.turn(0.5)
    assert made.jobs("lasting")[0][1].priority == 255


def test_what_follows_a_sub_job_follows_it_unless_it_is_awaited(families: list[Family]) -> None:
    @job(then="tell")
    def told(n: int) -> int:
        return n

    @job
    def tell(outcome: dict[str, Any]) -> None:
        seen.append(outcome["result"])

    async def parent(context: Context, n: int) -> Any:
        context.submit(told, n=1)
        return await context.submit(told, n=2)

    made = family(families, parent, told, tell)
    assert made.result(made.submit("parent")) == 2
    made.turn(15)
    assert seen == [1]


def test_a_delay_and_a_deadline_are_kept(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        late, expiring = context.submission(delay=30), context.submission(delay=50, deadline=5)
        try:
            await expiring(square, n=1)
        except SubJobFailed as error:
            return [error.type, await late(square, n=2)]

    made = family(families, parent)
    id = made.submit("parent")
    made.turn(20)
    assert isinstance(made.known(id), JobStatus)
    assert made.result(id, within=30) == ["expired", 4]


@pytest.mark.parametrize("terms", [{"delay": -1}, {"deadline": float("nan")}, {"key": "k" * 256}])
def test_terms_that_can_not_be_are_refused(families: list[Family], terms: dict[str, Any]) -> None:
    async def parent(context: Context, n: int) -> Any:
        with pytest.raises(ValueError, match="of a sub-job must be"):
            context.submission(**terms)

    made = family(families, parent)
    made.result(made.submit("parent"))


# -- what is refused --


def test_arguments_are_checked_at_once(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        submit: Any = context.submit
        for arguments in ({"n": "x"}, {}, {"n": 1, "m": 2}, {"n": object()}):
            with pytest.raises(BadArguments, match="job square"):
                submit(square, **arguments)
        with pytest.raises(TypeError, match="takes 1 arguments, not 2"):
            submit(square, 1, 2)
        with pytest.raises(TypeError, match="two values for argument n"):
            submit(square, 1, n=2)
        submit(square, n="x")

    made = family(families, parent)
    problem = made.problem(made.submit("parent"))
    assert (problem["type"], problem["status"]) == ("/problems/bad-sub-job-arguments", 500)
    assert problem["errors"][0]["at"] == "/n"
    assert made.store.data.dead_jobs == {}


def test_what_is_no_job_of_this_worker_is_told_what_to_do(families: list[Family]) -> None:
    @job
    def elsewhere() -> None: ...

    async def parent(context: Context, n: int) -> Any:
        with pytest.raises(
            LookupError, match="job elsewhere is not among the jobs of this worker: import it"
        ):
            context.submit(elsewhere)
        with pytest.raises(LookupError, match=r"did you mean square\?"):
            context.submit("sqare", n=1)
        with pytest.raises(TypeError, match="give the function that has @job"):
            context.submit(len, [])

    made = family(families, parent)
    made.result(made.submit("parent"))


def test_a_job_that_submits_itself_without_end_ends(families: list[Family]) -> None:
    @job(timeout=600)
    async def again(context: Context) -> Any:
        return await context.submit("again")

    made = family(families, None, again)
    problem = made.problem(made.submit("again"), within=20)
    assert (problem["type"], problem["limit"]) == ("/problems/sub-jobs-too-deep", 16)
    assert "job again can't submit again" in problem["detail"]


def test_a_job_submits_so_many_and_no_more(families: list[Family], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.worker.sub_jobs.MOST", 30)

    async def parent(context: Context, n: int) -> Any:
        for i in range(1000):
            context.submit(lasting, n=i)

    made = family(families, parent)
    problem = made.problem(made.submit("parent"))
    assert (problem["type"], problem["limit"]) == ("/problems/too-many-sub-jobs", 30)
    made.turn(5)
    assert made.jobs("lasting") == []  # they end with it


def test_two_submissions_with_one_key_are_one_job(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        first, second = context.submission(key="k")(square, n=3), context.submission(key="k")(square, n=3)
        assert [await first, await second] == [9, 9]
        with pytest.raises(KeyReused):
            await context.submission(key="k")(square, n=4)
        return [first.id == second.id, context.submit(square, n=3).id != first.id]

    made = family(families, parent)
    assert made.result(made.submit("parent")) == [True, True]


# -- places --


def test_a_parent_that_awaits_takes_no_place(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        return sum(await context.gather(*(context.submit(square, n=i) for i in range(5))))

    made = family(families, parent, places=5)
    ids = [made.submit("parent") for _ in range(6)]
    assert [made.result(id) for id in ids] == [30] * 6


def test_parents_of_parents_end_with_one_place(families: list[Family]) -> None:
    @job(timeout=600)
    async def tree(context: Context, depth: int) -> int:
        if not depth:
            return 1
        return sum(await context.gather(*(context.submit(tree, depth=depth - 1) for _ in range(3))))

    made = family(families, None, tree, places=1)
    ids = [made.submit("tree", depth=3) for _ in range(3)]
    assert [made.result(id, within=60) for id in ids] == [27] * 3


def test_it_has_its_place_again_when_it_goes_on(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        await context.submit(lasting, n=1)
        running[2] = Deferred()
        await running[2]

    made = family(families, parent, places=2)
    made.submit("parent")
    made.turn(0.5)
    assert made.members[0].worker.room() == 1  # the sub-job alone
    running[1].callback(None)
    made.turn(0.5)
    assert made.members[0].worker.room() == 1  # the parent alone
    running[2].callback(None)
    made.turn(0.5)
    assert made.members[0].worker.room() == 2


def test_one_too_many_that_awaits_is_put_off_and_finds_its_sub_job_again(
    families: list[Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MOST_WAITING", 2)

    async def parent(context: Context, n: int) -> Any:
        seen.append((n, context.attempt, context.starts))
        return await context.submit(lasting, n=n)

    made = family(families, parent, places=9)
    ids = [made.submit("parent", n=n) for n in range(3)]
    made.turn(1)
    assert sorted(made.known(id).state for id in ids) == [State.RUNNING, State.RUNNING, State.SCHEDULED]
    assert len(made.jobs("lasting")) == 3
    for n in range(3):
        running[n].callback(n)
    assert [made.result(id, within=10) for id in ids] == [0, 1, 2]
    (again,) = [it for it in seen if it[2] > 1]
    assert again[1:] == (1, 2)  # which counted as no attempt
    assert len(seen) == 4


# -- ends --


def test_a_job_that_does_not_await_its_sub_jobs_ends_when_the_store_has_them(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        for i in range(40):
            context.submit(lasting, n=i)
        return "done"

    made = family(families, parent, places=50)
    assert made.result(made.submit("parent")) == "done"
    made.turn(0.5)
    assert len(running) == 40


def test_a_job_ends_when_the_store_that_was_away_has_its_sub_jobs(
    families: list[Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def parent(context: Context, n: int) -> Any:
        context.submit(lasting, n=1)
        return "done"

    made = family(families, parent)
    verbs = made.members[0].verbs
    calls: list[Any] = []

    def away(submission: Any) -> Deferred[Any]:
        calls.append(submission)
        failed: Deferred[Any] = Deferred()
        failed.errback(StoreAway())
        return failed

    async def still_away(submissions: Any) -> Any:
        calls.append(submissions)
        raise StoreAway

    monkeypatch.setattr(verbs, "submit", away)
    monkeypatch.setattr(verbs, "submit_again", still_away)
    id = made.submit("parent")
    made.turn(5)
    assert len(calls) > 2
    assert made.known(id).state is State.RUNNING
    monkeypatch.undo()
    assert made.result(id) == "done"
    assert len(made.jobs("lasting")) == 1


def test_a_full_queue_delays_sub_jobs_and_loses_none(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        return sum(await context.gather(*(context.submit(square, n=1) for i in range(60))))

    made = family(families, parent, queue_limit=10)
    assert made.result(made.submit("parent"), within=60) == 60


def test_one_that_is_refused_and_not_awaited_fails_its_job(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        context.submission(key="k")(square, n=3)
        context.submission(key="k")(square, n=4)
        return "done"

    made = family(families, parent)
    assert made.problem(made.submit("parent"))["type"] == "/problems/key-reused"


def test_a_parent_that_is_cancelled_cancels_what_it_has_begun(families: list[Family]) -> None:
    @job(timeout=600)
    async def middle(context: Context, n: int) -> Any:
        await context.gather(
            context.submit(lasting, n=n), context.submission(detached=True)(lasting, n=n + 1)
        )

    async def parent(context: Context, n: int) -> Any:
        await context.gather(context.submit(middle, n=10), context.submit(middle, n=20))

    made = family(families, parent, middle, places=3)
    id = made.submit("parent")
    made.turn(1)
    Deferred.fromCoroutine(made.front.cancel("*", id))
    assert made.outcome(id).state is State.CANCELLED
    made.turn(3)
    assert sorted(job.arguments for _, job in made.jobs("lasting")) == ['{"n":11}', '{"n":21}']
    assert made.jobs("middle") == []


def test_the_timeout_of_a_parent_ends_a_sub_job_that_never_ends(families: list[Family]) -> None:
    @job(timeout=3)
    async def hasty(context: Context) -> Any:
        await context.submit(lasting, n=1)

    made = family(families, None, hasty)
    id = made.submit("hasty")
    assert made.problem(id)["type"] == "/problems/job-timeout"
    made.turn(3)
    assert made.jobs("lasting") == []


def test_a_parent_that_is_tried_again_replays_what_succeeded_and_repeats_what_failed(
    families: list[Family],
) -> None:
    @job
    def flaky(n: int) -> int:
        seen.append(n)
        if n == 5 and seen.count(5) == 1:
            raise JobError("not yet", status=500, type="not-yet", retryable=True)
        return n

    async def parent(context: Context, n: int) -> Any:
        order = [1, 1, 5] if context.attempt == 1 else [5, 1, 1]
        children = [context.submit(flaky, n=i) for i in order]
        return [[child.id for child in children], await context.gather(*children)]

    made = family(families, parent, flaky, options={"retries": 3})
    id = made.submit("parent", job={"attempts": 4})
    assert made.result(id, within=20)[1] == [5, 1, 1]
    assert seen == [1, 1, 5, 5]


def test_a_sub_job_that_kills_its_worker_ends_its_parent(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        return await context.submit(lasting, n=1)

    made = family(families, parent)
    id = made.submit("parent", job={"attempts": 9})
    for number in range(1, 8):
        made.turn(1)
        if isinstance(made.known(id), JobStatus) and "lasting" in {
            live.job.name for live in made.store.data.jobs.values() if live.run
        }:
            made.kill(made.members[0])
            made.members.append(made.start(f"again{number}"))
    assert made.problem(id, within=20)["type"] == "/problems/worker-died"


def test_a_sub_job_that_must_not_run_twice_does_not(families: list[Family]) -> None:
    @job(once=True, timeout=600)
    def dangerous() -> Deferred[Any]:
        seen.append("run")
        return Deferred()

    async def parent(context: Context, n: int) -> Any:
        return await context.submit(dangerous)

    made = family(families, parent, dangerous)
    id = made.submit("parent", job={"attempts": 9})
    made.turn(1)
    made.kill(made.members[0])
    made.members.append(made.start("again"))
    assert made.problem(id)["type"] == "/problems/interrupted"
    assert seen == ["run"]


def test_one_that_must_not_run_twice_is_not_run_again_when_the_store_forgot_it(
    families: list[Family],
) -> None:
    @job(once=True, timeout=600)
    def dangerous() -> None:
        seen.append("run")

    async def parent(context: Context, n: int) -> Any:
        return await context.submission(delay=20)(dangerous)

    made = family(families, parent, dangerous)
    id = made.submit("parent")
    made.turn(0.5)
    made.store.lose_data()
    assert made.problem(id, within=10)["type"] == "/problems/interrupted"
    assert seen == []


def test_a_parent_that_is_given_back_joins_its_live_sub_jobs(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        child = context.submit(lasting, n=1)
        seen.append(child)
        return await child

    made = family(families, parent, workers=2, places=2)
    id = made.submit("parent")
    made.turn(0.5)
    (child,) = made.jobs("lasting")
    runs = {live.job.name: live.run.session for live in made.store.data.jobs.values() if live.run}
    holder = next(member for member in made.members if runs["parent"].startswith(member.name))
    holder.worker.stopService()
    made.turn(3)
    made.members.remove(holder)
    assert len(seen) == 2
    assert [each.id for each in seen] == [child[0]] * 2
    running[1].callback("here")
    assert made.result(id) == "here"


def test_a_parent_whose_worker_was_killed_finds_its_sub_jobs_again(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        seen.append(context.attempt)
        first = context.submit(square, n=3)
        return [await first, await context.submit(lasting, n=1)]

    made = family(families, parent, workers=2)
    id = made.submit("parent", job={"attempts": 3})
    made.turn(1)
    runs = {live.job.name: live.run.session for live in made.store.data.jobs.values() if live.run}
    made.kill(next(member for member in made.members if runs["parent"].startswith(member.name)))
    made.turn(3)
    assert seen == [1, 2]
    assert len(made.jobs("lasting")) == 1
    running[1].callback("here")
    assert made.result(id) == [9, "here"]


def test_sub_jobs_that_the_store_forgot_are_submitted_again(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        return await context.gather(context.submit(lasting, n=1), context.submission(delay=5)(square, n=3))

    made = family(families, parent)
    id = made.submit("parent")
    made.turn(0.5)
    made.store.lose_data()
    made.turn(3)
    assert len(made.jobs("square")) == 1
    running[1].callback("kept")
    assert made.result(id, within=10) == ["kept", 9]


def test_an_outcome_that_is_too_large_for_the_inbox_is_fetched(families: list[Family]) -> None:
    @job
    def large(n: int) -> str:
        return "x" * n

    async def parent(context: Context, n: int) -> Any:
        return len(await context.submit(large, n=n))

    made = family(families, parent, large)
    assert made.result(made.submit("parent", n=100_000)) == 100_000


def test_nothing_is_submitted_after_the_end(families: list[Family], told: list[LogEvent]) -> None:
    async def parent(context: Context, n: int) -> Any:
        seen.append(context)

    made = family(families, parent)
    made.result(made.submit("parent"))
    with pytest.raises(CancelledError, match="the job is over"):
        seen[0].submit(square, n=1)


def test_nothing_is_left_of_sub_jobs_when_their_parent_has_ended(families: list[Family]) -> None:
    async def parent(context: Context, n: int) -> Any:
        context.submit(lasting, n=1)
        return await context.submit(square, n=2)

    made = family(families, parent)
    made.result(made.submit("parent"))
    outcomes = made.members[0].worker._outcomes
    assert len(outcomes.waiters) == 0
    running[1].callback(None)
    made.turn(1)
    assert len(outcomes.waiters) == 0


def test_what_is_stopped_before_the_store_has_its_sub_jobs_has_not_succeeded(families: list[Family]) -> None:
    """A thread can't be stopped, so its attempt ends without waiting for what it has left."""
    made = family(families, None)
    store = made.members[0].verbs
    resending: Any = Mock(submit=lambda submission: Deferred())
    tools = Submitting(store, Waiters(), CallableJobs(Registry([square])), resending)
    claim = Claim("0-a-b", Job("p", "q", "me", "", 0, 1, "", "", False, "", "{}"), 1, 1, 0)
    sub_jobs = SubJobs(tools, claim, seen.append)
    child = sub_jobs.submit(SubmissionTerms(), square, (), {"n": 1})
    waiting, unstored = child.deferred(), sub_jobs.unstored()
    assert unstored is not None
    sub_jobs.close()
    ends: list[Any] = []
    unstored.addErrback(ends.append)
    waiting.addErrback(ends.append)
    assert [end if end is None else end.type for end in ends] == [CancelledError]
    assert seen == [True, False]
    assert sub_jobs.unstored() is None


def test_a_template_of_older_records_makes_a_job_without_a_parent() -> None:
    made = JobTemplate("f", "q", 0, 1, False).job("me", "{}")
    assert (made.parent, made.depth) == ("", 0)
