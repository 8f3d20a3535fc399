"""When jobs are fired, and that each firing has one job, whoever comes with it."""

from __future__ import annotations

import msgspec
import pytest
from pytest_twisted import ensureDeferred

from relay.model.job import Job
from relay.model.problems.request import NoSuchJob
from relay.model.schedule import Schedule
from relay.model.state import State
from relay.store.messages import JobDefinition, Report, Submission, UniqueDefinition
from relay.store.roster import Roster
from relay.store.schedules import Firing, ScheduleStatus, firing_job, text_of
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import Session, a_job, declared

MINUTE = 60_000
EVERY = Schedule(every=60)
TEXT = text_of(EVERY)


def tick(name: str = "tick", schedule: Schedule | None = EVERY, unique: bool = False) -> JobDefinition:
    one = UniqueDefinition() if unique else None
    return msgspec.structs.replace(declared(name), schedule=schedule, unique=one)


def marks(definition: JobDefinition) -> dict[str, str]:
    return {name: mark for name, mark, _ in Roster([definition])}


async def publish(store: Store, *definitions: JobDefinition) -> None:
    await store.sweep()
    await store.publish(Roster(definitions))


async def status_of(store: Store, definition: JobDefinition) -> ScheduleStatus:
    _, (status,) = await store.schedules(marks(definition))
    return status


def firing(store: Store, seen: int, at: int, definition: JobDefinition | None = None) -> Firing:
    job = firing_job(definition or tick(), store.mint(), at)
    return Firing("tick", seen, at + MINUTE, TEXT, at, job)


async def session_of(worker: Store, definition: JobDefinition) -> Session:
    session = Session(worker, "worker.9")
    session.roster = Roster([definition])
    return await session.open()


async def jobs_of(worker: Store, definition: JobDefinition | None = None) -> list[tuple[str, Job]]:
    session = await session_of(worker, definition or tick())
    return [(claim.id, claim.job) for claim in (await session.turn()).claims]


# -- a firing --


@ensureDeferred
async def test_a_schedule_begins_when_it_is_published_and_goes_on_from_firing_to_firing(
    worker: Store,
) -> None:
    await worker.sweep()
    assert (await worker.schedules(marks(tick())))[1] == []
    await publish(worker, tick())
    assert await status_of(worker, tick()) == ScheduleStatus("tick", -1, "", 0, 0, "")
    assert await worker.fire(Firing("tick", -1, MINUTE, TEXT))
    assert await worker.fire(firing(worker, MINUTE, MINUTE))
    status = await status_of(worker, tick())
    assert (status.due, status.text, status.schedule, status.fired) == (2 * MINUTE, TEXT, EVERY, MINUTE)
    ((id, job),) = await jobs_of(worker)
    assert (id, job.scheduled, job.owner, job.arguments) == (status.id, MINUTE, "schedule", "{}")
    assert id.endswith("-19700101t000100z")


@ensureDeferred
async def test_of_many_that_come_with_a_firing_one_adds_its_job(make_store: MakeStore, worker: Store) -> None:
    await publish(worker, tick())
    await worker.fire(Firing("tick", -1, MINUTE, TEXT))
    workers = [make_store(f"w{n}") for n in range(4)]
    for each in workers:
        await each.sweep()
    fired = [await each.fire(firing(each, MINUTE, MINUTE)) for each in workers]
    assert fired == [True, False, False, False]
    assert len(await jobs_of(worker)) == 1


@ensureDeferred
async def test_a_firing_whose_job_is_known_is_not_made_again_though_the_schedule_was_lost(
    redis: RedisProcess, worker: Store
) -> None:
    await publish(worker, tick())
    await worker.fire(Firing("tick", -1, MINUTE, TEXT))
    await worker.fire(firing(worker, MINUTE, MINUTE))
    before = await status_of(worker, tick())
    redis.client.hset("{r0}:schedule", "tick", f"{MINUTE} {TEXT}")
    assert await worker.fire(firing(worker, MINUTE, MINUTE))
    after = await status_of(worker, tick())
    assert (after.due, after.id) == (2 * MINUTE, before.id)
    assert [id for id, _ in await jobs_of(worker)] == [before.id]


@ensureDeferred
async def test_a_schedule_that_is_not_where_it_was_seen_does_not_go_on(worker: Store) -> None:
    await publish(worker, tick())
    assert not await worker.fire(firing(worker, MINUTE, MINUTE))
    assert await worker.fire(Firing("tick", -1, MINUTE, TEXT))
    assert not await worker.fire(Firing("tick", -1, 5 * MINUTE, TEXT))
    assert (await status_of(worker, tick())).due == MINUTE
    assert await jobs_of(worker) == []


@ensureDeferred
async def test_a_full_queue_holds_a_firing_up_and_does_not_lose_it(make_store: MakeStore) -> None:
    store = make_store("store", queue_limit=1)
    await publish(store, tick())
    await store.fire(Firing("tick", -1, MINUTE, TEXT))
    id = (await store.submit(Submission(store.mint(), a_job()))).id
    assert not await store.fire(firing(store, MINUTE, MINUTE))
    assert (await status_of(store, tick())).due == MINUTE
    await store.cancel("me", id)
    assert await store.fire(firing(store, MINUTE, MINUTE))
    assert len(await jobs_of(store)) == 1


@ensureDeferred
async def test_firings_of_a_unique_job_join_the_one_that_lives(worker: Store) -> None:
    unique = tick(unique=True)
    await publish(worker, unique)
    await worker.fire(Firing("tick", -1, MINUTE, TEXT))
    assert await worker.fire(firing(worker, MINUTE, MINUTE, unique))
    first = await status_of(worker, unique)
    assert await worker.fire(firing(worker, 2 * MINUTE, 2 * MINUTE, unique))
    second = await status_of(worker, unique)
    assert (second.due, second.id) == (3 * MINUTE, first.id)
    assert [id for id, _ in await jobs_of(worker, unique)] == [first.id]


@ensureDeferred
async def test_its_jobs_are_nobody_elses(front: Store, worker: Store) -> None:
    await publish(worker, tick())
    await worker.fire(Firing("tick", -1, MINUTE, TEXT))
    await worker.fire(firing(worker, MINUTE, MINUTE))
    id = (await status_of(worker, tick())).id
    for verb in (front.look, front.attach, front.cancel):
        with pytest.raises(NoSuchJob):
            await verb("anonymous", id)
    assert (await front.look("*", id)).state is State.QUEUED


# -- declarations --


@ensureDeferred
async def test_of_two_declarations_the_newest_is_told_its_schedule(make_store: MakeStore) -> None:
    older, newer = make_store("older"), make_store("newer")
    changed = tick(schedule=Schedule(every=5))
    await publish(older, tick())
    assert len((await older.schedules(marks(tick())))[1]) == 1
    await publish(newer, changed)
    assert (await older.schedules(marks(tick())))[1] == []
    assert len((await newer.schedules(marks(changed)))[1]) == 1


@ensureDeferred
async def test_a_job_that_has_no_schedule_any_more_is_not_fired(make_store: MakeStore) -> None:
    older, newer = make_store("older"), make_store("newer")
    await publish(older, tick())
    await older.fire(Firing("tick", -1, MINUTE, TEXT))
    await older.pause("tick", True)
    await publish(newer, tick(schedule=None))
    assert (await newer._operator.schedules()) == []
    assert not await older.fire(firing(older, MINUTE, MINUTE))
    await publish(newer, tick())
    assert await status_of(newer, tick()) == ScheduleStatus("tick", -1, "", 0, 0, "")


@ensureDeferred
async def test_a_declaration_that_changed_keeps_its_schedule_if_that_is_the_same(
    make_store: MakeStore,
) -> None:
    older, newer = make_store("older"), make_store("newer")
    await publish(older, tick())
    await older.fire(Firing("tick", -1, MINUTE, TEXT))
    changed = msgspec.structs.replace(tick(), attempts=5)
    await publish(newer, changed)
    assert (await status_of(newer, changed)).due == MINUTE


# -- operators --


@ensureDeferred
async def test_schedules_are_listed_by_name_with_whether_they_are_served(
    redis: RedisProcess, worker: Store
) -> None:
    await publish(worker, tick("b"), tick("a"))
    for name in "ba":
        await worker.fire(Firing(name, -1, MINUTE, TEXT))
    redis.client.zadd("{r0}:served", {"b": 1})
    listed = await worker._operator.schedules()
    assert [(each.name, each.due, is_served) for each, is_served in listed] == [
        ("a", MINUTE, True),
        ("b", MINUTE, False),
    ]


@ensureDeferred
async def test_a_schedule_that_is_paused_does_not_fire_until_it_goes_on(worker: Store) -> None:
    await publish(worker, tick())
    assert not await worker.pause("tick", True)
    await worker.fire(Firing("tick", -1, MINUTE, TEXT))
    assert await worker.pause("tick", True)
    paused = (await status_of(worker, tick())).paused
    assert paused > 0
    assert await worker.pause("tick", True)
    assert (await status_of(worker, tick())).paused == paused
    assert not await worker.fire(firing(worker, MINUTE, MINUTE))
    assert await worker.pause("tick", False)
    assert await worker.fire(firing(worker, MINUTE, MINUTE))
    assert not await worker.pause("nobody", False)


@ensureDeferred
async def test_a_job_is_fired_by_hand_as_often_as_one_wants(worker: Store) -> None:
    await publish(worker, tick(), declared("echo"))
    ids = [await worker.fire_now("tick") for _ in range(2)]
    claimed = await jobs_of(worker)
    assert [id for id, _ in claimed] == ids
    assert all(job.scheduled > 0 for _, job in claimed)
    for name in ("echo", "nobody"):
        with pytest.raises(LookupError):
            await worker.fire_now(name)


@ensureDeferred
async def test_a_schedule_that_nobody_declares_is_forgotten_in_a_month(
    redis: RedisProcess, worker: Store
) -> None:
    await publish(worker, tick())
    await worker.fire(Firing("tick", -1, MINUTE, TEXT))
    assert len(await worker._operator.schedules()) == 1
    redis.client.hdel("{r0}:declared", "tick")
    assert await worker._operator.schedules() == []
    assert not redis.client.exists("{r0}:schedule")


@ensureDeferred
async def test_the_outcome_of_a_firing_is_kept_with_its_key(redis: RedisProcess, worker: Store) -> None:
    await publish(worker, tick())
    await worker.fire(Firing("tick", -1, MINUTE, TEXT))
    await worker.fire(firing(worker, MINUTE, MINUTE))
    session = await session_of(worker, tick())
    (claim,) = (await session.turn()).claims
    await session.turn(0, Report(claim.id, State.SUCCEEDED, "1"))
    assert 0 < redis.client.ttl(f"{{r0}}:idem:{claim.job.key}") <= 60
