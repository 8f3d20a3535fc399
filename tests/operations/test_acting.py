"""What an operator does to a relay."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from relay.model.limits import Learned, Rate
from relay.model.schedule import Schedule
from relay.model.state import State
from relay.operations.operations import NotPossible
from relay.operations.seen import Done, JobFilter
from relay.store.messages import JobDefinition, Report
from relay.store.roster import Roster
from relay.store.schedules import Firing, text_of
from tests.operations.conftest import Scene


async def bury(scene: Scene, **changed: object) -> str:
    """A dead job."""
    id = await scene.submit(**changed)  # type: ignore[arg-type]
    assert id in await scene.begin(9)
    await scene.end(Report(id, State.FAILED, "job-failed", dead=True))
    return id


@ensureDeferred
async def test_a_job_is_cancelled_once(scene: Scene) -> None:
    await scene.serve()
    runs = await scene.submit()
    await scene.begin()
    waits = await scene.submit()
    assert await scene.operator.cancel(waits) == "cancelled"
    assert await scene.operator.cancel(runs) == "running"
    assert (await scene.operator.running())[0].cancelled
    with pytest.raises(NotPossible, match="ended already: cancelled"):
        await scene.operator.cancel(waits)
    with pytest.raises(NotPossible, match="no such job"):
        await scene.operator.cancel("0-x-1")


@ensureDeferred
async def test_a_dead_job_runs_again_once(scene: Scene) -> None:
    await scene.serve()
    id = await bury(scene)
    again = await scene.operator.retry(id)
    assert await scene.begin() == [again]
    with pytest.raises(NotPossible, match="no such dead job"):
        await scene.operator.retry(id)


@ensureDeferred
async def test_what_was_kept_without_arguments_does_not_run_again(scene: Scene) -> None:
    await scene.serve()
    id = await bury(scene, arguments='{"a":"' + "x" * (1 << 20) + '"}')
    with pytest.raises(NotPossible, match="too large to be kept"):
        await scene.operator.retry(id)
    assert await scene.operator.retry_some(JobFilter()) == Done(0, looked_at=1)


@ensureDeferred
async def test_a_job_that_has_ended_is_deleted_and_one_that_lives_is_not(scene: Scene) -> None:
    await scene.serve()
    dead, ended = await bury(scene), await scene.submit()
    await scene.operator.cancel(ended)
    lives = await scene.submit()
    await scene.operator.delete(dead)
    await scene.operator.delete(ended)
    for id, why in ((dead, "no such job"), (lives, "has not ended")):
        with pytest.raises(NotPossible, match=why):
            await scene.operator.delete(id)


@ensureDeferred
async def test_many_dead_jobs_run_again_or_go_as_is_asked(scene: Scene) -> None:
    await scene.serve()
    mine = [await bury(scene) for _ in range(3)]
    other = await bury(scene, name="tell")
    assert await scene.operator.retry_some(JobFilter(name="tell")) == Done(1, looked_at=4)
    assert [row.id for row in (await scene.operator.jobs(JobFilter(state="dead"))).jobs] == mine[::-1]
    assert len(await scene.begin(5)) == 1
    assert other not in [row.id for row in (await scene.operator.jobs(JobFilter(state="dead"))).jobs]
    assert await scene.operator.delete_some(JobFilter(problem="job-failed")) == Done(3, looked_at=3)
    assert (await scene.operator.jobs(JobFilter(state="dead"))).jobs == []
    with pytest.raises(NotPossible, match="queued are not dead"):
        await scene.operator.delete_some(JobFilter(state="queued"))


@ensureDeferred
async def test_a_queue_is_emptied_and_what_is_of_another_stays(scene: Scene) -> None:
    sent = [await scene.submit(name="tell", lane="@l" if n % 2 else "") for n in range(4)]
    other = await scene.submit()
    wanted, cursor, done = JobFilter(state="queued", name="tell"), "first", 0
    while cursor:
        some = await scene.operator.cancel_some(wanted, "" if cursor == "first" else cursor)
        done, cursor = done + some.done, some.cursor
    assert done == len(sent)
    states = {id: (await scene.operator.job(id)).row.state for id in (*sent, other)}
    assert states == {**dict.fromkeys(sent, "cancelled"), other: "queued"}
    with pytest.raises(NotPossible, match="succeeded do not live"):
        await scene.operator.cancel_some(JobFilter(state="succeeded"))


@ensureDeferred
async def test_an_owner_is_erased_in_rounds_until_nothing_is_found(scene: Scene) -> None:
    await scene.serve()
    dead = await bury(scene, owner="sub:a")
    runs = await scene.submit(owner="sub:a")
    await scene.begin()
    waits, other = await scene.submit(owner="sub:a"), await scene.submit(owner="sub:b")

    async def a_round() -> int:
        cursor, found = "first", 0
        while cursor:
            some = await scene.operator.erase_some("sub:a", "" if cursor == "first" else cursor)
            found, cursor = found + some.done, some.cursor
        return found

    assert await a_round() == 4  # two live jobs, the dead one, and the outcome of the one that waited
    await scene.end(Report(runs, State.CANCELLED))
    assert await a_round() == 1
    assert await a_round() == 0
    for id in (dead, runs, waits):
        with pytest.raises(NotPossible):
            await scene.operator.job(id)
    assert (await scene.operator.job(other)).row.state == "queued"
    for nobody in ("", "*"):
        with pytest.raises(NotPossible, match="one owner"):
            await scene.operator.erase_some(nobody)


@ensureDeferred
async def test_a_name_is_paused_and_goes_on(scene: Scene) -> None:
    await scene.serve()
    id = await scene.submit()
    await scene.operator.pause_name("echo", True)
    await scene.operator.pause_name("echo", True)
    assert await scene.begin() == []
    assert (await scene.operator.job(id)).why_waiting == "paused"
    await scene.operator.pause_name("echo", False)
    assert await scene.begin() == [id]
    with pytest.raises(NotPossible, match="no worker has served nothing"):
        await scene.operator.pause_name("nothing", True)
    with pytest.raises(NotPossible, match="no jobs of a queue nothing"):
        await scene.operator.pause_queue("nothing", True)


@ensureDeferred
async def test_schedules_are_paused_and_fired(scene: Scene) -> None:
    schedule = Schedule(every=60)
    definition = JobDefinition(
        "echo", "default", 0, 1, False, None, None, {"type": "object"}, schedule=schedule
    )
    await scene.serve(Roster([definition]))
    await scene.worker.fire(Firing("echo", -1, 120_000, text_of(schedule)))
    await scene.operator.pause_schedule("echo", True)
    assert (await scene.operator.schedules())[0].paused == scene.store.now()
    id = await scene.operator.fire("echo")
    assert await scene.begin() == [id]
    for act in (scene.operator.pause_schedule("tell", True), scene.operator.fire("tell")):
        with pytest.raises(NotPossible, match="tell has no schedule"):
            await act


@ensureDeferred
async def test_a_limit_is_forgotten_once(scene: Scene) -> None:
    await scene.worker.learn(["host"], Learned(Rate(5, 60.0), 2.0))
    await scene.operator.forget("host")
    with pytest.raises(NotPossible, match="nothing was learned of host"):
        await scene.operator.forget("host")


@ensureDeferred
async def test_a_worker_that_there_is_not_can_not_be_quiet(scene: Scene) -> None:
    await scene.serve()
    await scene.operator.quiet("worker", True)
    with pytest.raises(NotPossible, match="there is no worker front"):
        await scene.operator.quiet("front", True)
