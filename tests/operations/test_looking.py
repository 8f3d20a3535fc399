"""What an operator sees of a relay."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from relay.model.digests import digest
from relay.model.limits import Learned, Rate
from relay.model.schedule import Schedule
from relay.model.state import State
from relay.operations.operations import NotPossible
from relay.operations.overviews import store_info
from relay.operations.seen import AttemptStatus, JobFilter, LimitStatus, ScheduleRow
from relay.store.messages import JobDefinition, LimitDefinition, Report
from relay.store.roster import Roster
from relay.store.schedules import Firing, text_of
from relay.telemetry import snapshot
from relay.telemetry.snapshot import ProcessInfo, Snapshot
from tests.operations.conftest import Scene
from tests.store.test_store import declared

LIMIT = LimitDefinition("api", 1, 3600, "")


def failed(id: str, **more: bool) -> Report:
    return Report(id, State.FAILED, '{"type":"/problems/odd","title":"Odd","status":500}', **more)


@ensureDeferred
async def test_an_overview_has_all_names_and_their_queues(scene: Scene) -> None:
    await scene.serve(
        Roster([declared("echo"), declared("tell", "slow"), declared("limited", "slow", LIMIT)])
    )
    first = await scene.submit()
    await scene.submit(60_000)
    for _ in range(3):
        await scene.submit(name="limited", lane="@api", queue="slow")
    await scene.submit(name="nobodys", queue="lost")
    assert len(await scene.begin(3)) == 2
    await scene.operator.pause_queue("slow", True)
    seen = await scene.operator.overview()
    names = {each.name: each for each in seen.names}
    assert (names["echo"].running, names["echo"].scheduled, names["echo"].waiting) == (1, 1, 0)
    assert (names["limited"].running, names["limited"].waiting, names["limited"].limited) == (1, 2, 2)
    assert (names["echo"].served, names["nobodys"].served, names["nobodys"].queue) == (True, False, "lost")
    assert (names["echo"].paused, names["tell"].paused) == (0, seen.time)
    queues = {each.queue: each for each in seen.queues}
    assert queues["slow"].names == ("limited", "tell")
    assert (queues["slow"].waiting, queues["slow"].paused, queues["lost"].paused) == (2, seen.time, 0)
    assert 0 < queues["slow"].oldest < seen.time
    assert (seen.queued, seen.running, seen.scheduled, seen.dead) == (3, 2, 1, 0)
    assert (seen.most_jobs, seen.most_bytes) == (1000, 512 << 20)
    await scene.end(failed(first, dead=True))
    assert (await scene.operator.overview()).dead == 1


@ensureDeferred
async def test_a_queue_that_is_paused_is_there_though_it_has_no_names(scene: Scene) -> None:
    await scene.serve()
    await scene.operator.pause_queue("default", True)
    scene.store.data.served.__init__(scene.store.now, scene.store.data.limits, scene.store.data.schedules)  # type: ignore[misc]
    (queue,) = (await scene.operator.overview()).queues
    assert (queue.queue, queue.names, queue.paused > 0) == ("default", (), True)


@ensureDeferred
async def test_processes_are_as_they_told(scene: Scene) -> None:
    info = ProcessInfo(
        "worker", "worker", "worker 1", "host", 7, "1", 5, running=2, concurrency=9, quiet=True
    )
    await scene.worker.register(snapshot.encode(Snapshot(info)))
    await scene.front.register(b"of another version")
    (process,) = (await scene.operator.overview()).processes
    assert (process.name, process.title, process.pid, process.running) == ("worker", "worker 1", 7, 2)
    assert (process.quiet, process.seen) == (True, scene.store.now())
    assert await scene.operator.snapshots() == [Snapshot(info)]


@ensureDeferred
async def test_what_runs_is_told_what_began_first_stands_first(scene: Scene) -> None:
    await scene.serve()
    sent = [await scene.submit() for _ in range(3)]
    for _ in sent:
        scene.clock.advance(1)
        await scene.begin()
    running = await scene.operator.running()
    assert [job.id for job in running] == sent
    assert (running[0].process, running[0].name, running[0].attempt) == ("worker", "echo", 1)
    assert [job.id for job in await scene.operator.running("worker", most=2)] == sent[:2]
    assert await scene.operator.running("another") == []


# -- lists --


async def listed(scene: Scene, most: int = 50, **wanted: str | int) -> list[str]:
    """All pages."""
    found: list[str] = []
    cursor = "first"
    while cursor:
        page = await scene.operator.jobs(JobFilter(**wanted), most, "" if cursor == "first" else cursor)  # type: ignore[arg-type]
        assert len(page.jobs) <= most
        found += [row.id for row in page.jobs]
        cursor = page.cursor
    return found


@ensureDeferred
async def test_jobs_are_listed_by_state_name_queue_owner_problem_and_time(scene: Scene) -> None:
    await scene.serve()
    good, bad = await scene.submit(), await scene.submit(owner="you")
    await scene.begin(2)
    await scene.end(Report(good, State.SUCCEEDED, "1"), failed(bad, dead=True))
    waits, late = await scene.submit(name="tell", queue="q"), await scene.submit(60_000)
    lane = await scene.submit(name="tell", lane="@api")
    assert sorted(await listed(scene)) == sorted([good, bad, waits, late, lane])
    assert await listed(scene, state="succeeded") == [good]
    assert await listed(scene, state="dead") == [bad]
    assert await listed(scene, state="scheduled") == [late]
    assert sorted(await listed(scene, state="queued")) == sorted([waits, lane])
    assert sorted(await listed(scene, state="queued", name="tell")) == sorted([waits, lane])
    assert await listed(scene, queue="q") == []
    assert waits in await listed(scene, queue="default")  # that of its name now
    assert await listed(scene, owner="you") == [bad]
    assert await listed(scene, problem="odd") == [bad]
    assert await listed(scene, state="dead", problem="other") == []
    assert await listed(scene, id=good[:-1]) == [good]
    made = (await scene.operator.job(waits)).row.created
    assert sorted(await listed(scene, before=made)) == sorted([good, bad])
    assert sorted(await listed(scene, after=made, state="queued")) == sorted([waits, lane])


@ensureDeferred
async def test_a_job_whose_name_is_not_declared_is_in_the_queue_that_it_came_with(scene: Scene) -> None:
    alone = await scene.submit(queue="q")
    assert await listed(scene, queue="q") == [alone]


@ensureDeferred
async def test_a_list_is_cut_into_pages(scene: Scene) -> None:
    sent = [await scene.submit() for _ in range(7)]
    assert sorted(await listed(scene, most=3)) == sorted(sent)
    page = await scene.operator.jobs(JobFilter(state="queued", name="echo"), 3)
    assert [row.id for row in page.jobs] == sent[:3]
    rest = await scene.operator.jobs(JobFilter(state="queued", name="echo"), 30, page.cursor)
    assert [row.id for row in rest.jobs] == sent[3:]


@ensureDeferred
async def test_a_dead_job_is_listed_once_and_outlives_its_outcome(scene: Scene) -> None:
    await scene.serve()
    id = await scene.submit()
    await scene.begin()
    await scene.end(failed(id, dead=True))
    rows = (await scene.operator.jobs(JobFilter())).jobs
    assert [(row.id, row.state, row.problem) for row in rows] == [(id, "failed", "odd")]
    scene.clock.advance(3601)
    (row,) = (await scene.operator.jobs(JobFilter())).jobs
    assert (row.id, row.state, row.problem) == (id, "dead", "odd")
    detail = await scene.operator.job(id)
    assert (detail.row.state, detail.envelope["state"], detail.envelope["error"]["title"]) == (
        "dead",
        "failed",
        "Odd",
    )
    assert [(each.number, each.how, each.problem) for each in detail.attempts] == [(1, "failed", "odd")]


@ensureDeferred
async def test_a_key_leads_to_its_job(scene: Scene) -> None:
    id = await scene.submit(key=digest("me", "echo", "k"), fingerprint="f")
    (row,) = (await scene.operator.jobs(JobFilter(key="k", name="echo", owner="me"))).jobs
    assert row.id == id
    assert (await scene.operator.jobs(JobFilter(key="other", name="echo", owner="me"))).jobs == []
    with pytest.raises(NotPossible, match="name both"):
        await scene.operator.jobs(JobFilter(key="k"))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "9.0.",
        "0.0.0:x",
        "0.0.1 2",
        "0.-1.",
        "0.0.0:" + "9" * 40,
        "0.0.0:" + "9" * 20,
        "1.0.0:\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
@ensureDeferred
async def test_what_is_not_a_cursor_is_refused(scene: Scene, cursor: str) -> None:
    with pytest.raises(NotPossible, match="cursor"):
        await scene.operator.jobs(JobFilter(), 5, cursor)


@ensureDeferred
async def test_a_state_that_there_is_not_is_refused(scene: Scene) -> None:
    with pytest.raises(NotPossible, match="there is no state 'lost'"):
        await scene.operator.jobs(JobFilter(state="lost"))


# -- one job --


@ensureDeferred
async def test_a_job_is_told_with_all_its_attempts(scene: Scene) -> None:
    await scene.serve()
    id = await scene.submit(attempts=3, arguments='{"a":1}', lane="", parent="0-p-1", trace="00-1")
    await scene.begin()
    await scene.end(Report(id, State.SCHEDULED, delay=500, problem="job-timeout"))
    waits = await scene.operator.job(id)
    assert (waits.row.state, waits.why_waiting, waits.due) == (
        "scheduled",
        "its time has not come",
        scene.store.now() + 500,
    )
    assert (waits.arguments, waits.arguments_cut, waits.parent, waits.trace) == (
        '{"a":1}',
        False,
        "0-p-1",
        "00-1",
    )
    scene.clock.advance(1)
    await scene.front.sweep()
    (claimed,) = await scene.begin()
    runs = await scene.operator.job(claimed)
    assert (runs.row.state, runs.process, runs.why_waiting, runs.most_attempts) == (
        "running",
        "worker",
        "",
        3,
    )
    assert [(each.number, each.how, each.problem) for each in runs.attempts] == [
        (1, "retried", "job-timeout"),
        (2, "running", ""),
    ]
    await scene.end(Report(id, State.SUCCEEDED, "7"))
    over = await scene.operator.job(id)
    assert (over.envelope["result"], over.row.queue, over.expires) == (
        7,
        "default",
        scene.store.now() + 3600_000,
    )
    last = over.attempts[-1]
    assert over.most_attempts == 0  # which is not kept
    assert last == AttemptStatus(2, "succeeded", runs.row.started, over.row.finished, "", "worker")


@ensureDeferred
async def test_long_arguments_are_cut(scene: Scene) -> None:
    id = await scene.submit(arguments='{"a":"' + "x" * 20_000 + '"}')
    detail = await scene.operator.job(id)
    assert (len(detail.arguments), detail.arguments_cut) == (10_000, True)


@ensureDeferred
async def test_a_job_that_never_began_has_no_attempt(scene: Scene) -> None:
    id = await scene.submit()
    await scene.operator.cancel(id)
    detail = await scene.operator.job(id)
    assert (detail.row.state, detail.row.problem, detail.attempts) == ("cancelled", "", [])


@ensureDeferred
async def test_a_job_that_is_not_there_is_not_told(scene: Scene) -> None:
    with pytest.raises(NotPossible, match="there is no such job"):
        await scene.operator.job("0-x-1")


# -- limits, schedules, the store --


@ensureDeferred
async def test_limits_are_those_that_are_declared_and_those_that_were_learned(scene: Scene) -> None:
    await scene.serve(Roster([declared("limited", limit=LIMIT)]))
    await scene.worker.learn(["host"], Learned(Rate(5, 60.0), 2.0))
    assert await scene.operator.limits() == [
        LimitStatus("@api", 1, 3600.0, learned=False),
        LimitStatus("host", 5, 60.0, 2.0),
    ]


@ensureDeferred
async def test_schedules_are_told_as_people_read_them(scene: Scene) -> None:
    schedule = Schedule(every=60, catch_up="none")
    definition = JobDefinition(
        "echo", "default", 0, 1, False, None, None, {"type": "object"}, schedule=schedule
    )
    await scene.serve(Roster([definition]))
    await scene.worker.fire(Firing("echo", -1, 120_000, text_of(schedule)))
    assert await scene.operator.schedules() == [
        ScheduleRow("echo", "every 60 s", 120_000, served=True, catch_up="none")
    ]


def test_what_a_server_tells_of_itself_is_read() -> None:
    told = {
        "redis_version": "7.0.15",
        "valkey_version": "8.1.0",
        "used_memory": "1000",
        "maxmemory": "5000",
        "maxmemory_policy": "noeviction",
        "aof_enabled": "1",
        "aof_last_write_status": "err",
        "connected_slaves": "2",
        "role": "master",
        "connected_clients": "9",
        "instantaneous_ops_per_sec": "77",
        "uptime_in_seconds": "60",
    }
    info = store_info([told], 0.25)
    assert (info.version, info.memory, info.most_memory, info.policy) == ("8.1.0", 1000, 5000, "noeviction")
    assert info.persistence == "aof (aof_last_write_status: failed)"
    assert (info.replicas, info.role, info.clients, info.commands) == (2, "master", 9, 77)
    assert (info.latency, info.uptime, info.reached) == (0.25, 60, True)
    assert store_info([{"rdb_saves": "3"}], 0).persistence == "rdb"
    assert store_info([{"redis_version": "7"}], 0).persistence == "none"
    assert store_info([{}], 0).persistence == ""


def test_of_several_servers_the_worst_figures_are_shown() -> None:
    well = {"used_memory": "10", "maxmemory": "100", "maxmemory_policy": "noeviction", "aof_enabled": "1"}
    ill = {"used_memory": "90", "maxmemory": "100", "maxmemory_policy": "allkeys-lru"}
    counted = {"connected_slaves": "1", "connected_clients": "4", "instantaneous_ops_per_sec": "7"}
    for servers in ([well | counted, ill], [ill, well | counted]):
        info = store_info(servers, 0)
        assert (info.memory, info.policy, info.persistence) == (90, "allkeys-lru", "none")
        assert (info.replicas, info.clients, info.commands) == (0, 4, 7)


@ensureDeferred
async def test_a_whole_id_leads_to_its_job_if_it_is_meant(scene: Scene) -> None:
    await scene.serve()
    id = await scene.submit()
    page = await scene.operator.jobs(JobFilter(id=id))
    assert ([row.id for row in page.jobs], page.looked_at, page.cursor) == ([id], 1, "")
    assert (await scene.operator.jobs(JobFilter(id=id, state="running"))).jobs == []
    assert (await scene.operator.jobs(JobFilter(id=id, name="tell"))).jobs == []
    dead = await scene.submit()
    await scene.begin(5)
    await scene.end(failed(dead, dead=True))
    assert [row.state for row in (await scene.operator.jobs(JobFilter(id=dead))).jobs] == ["failed"]
