"""What the store does when workers die, stop, come back, and when it forgot itself; on a real server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from relay.model.job import Claim, Job
from relay.model.problems.request import NoSuchJob, StoreFull, StoreReset
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.messages import Fenced, GivenBack, Report, Submission
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import Session, a_job, submit, succeeded


async def standing(store: Store, id: str) -> JobStatus:
    known = await store.look("me", id)
    assert isinstance(known, JobStatus)
    return known


async def outcome(store: Store, id: str) -> Outcome:
    known = await store.look("me", id)
    assert isinstance(known, Outcome)
    return known


async def claimed(session: Session, want: int = 10) -> list[Claim]:
    return (await session.turn(want)).claims


async def running(front: Store, worker: Store, **changed: Any) -> tuple[str, Session]:
    """A job, and the session that claimed it."""
    id = await submit(front, **changed)
    session = await Session(worker).open()
    await claimed(session)
    return id, session


async def submit_many(make_store: MakeStore, jobs: Iterable[Job]) -> tuple[Store, set[str]]:
    """A front with room for them, and their ids."""
    front = make_store("front", queue_limit=10_000)
    await front.sweep()
    return front, {(await front.submit(Submission(front.mint(), job))).id for job in jobs}


# -- reaping --


@ensureDeferred
async def test_what_a_dead_process_held_goes_back_to_its_place_and_is_suspected(
    front: Store, worker: Store
) -> None:
    first, second = await submit(front), await submit(front)
    session = await Session(worker).open()
    await claimed(session, 1)
    assert await front.reap("worker") == [GivenBack("worker.1", first, "echo")]
    assert (await standing(front, first)).state is State.QUEUED
    with pytest.raises(Fenced):
        await session.turn()
    other = await Session(worker, "other.1").open()
    assert [(c.id, c.attempt) for c in await claimed(other)] == [(first, 2), (second, 1)]


@ensureDeferred
async def test_reaping_is_for_the_process_that_died_only(front: Store, worker: Store) -> None:
    await submit(front)
    await submit(front)
    one, other = await Session(worker).open(), await Session(worker, "worker2.1").open()
    (held,) = await claimed(one, 1)
    await claimed(other, 1)
    await front.reap("worker2")
    assert (await standing(front, held.id)).state is State.RUNNING
    assert (await one.turn(0, *succeeded(await one.turn(0)))).refused == []
    assert await front.reap("worker2") == []


async def die(store: Store, number: int) -> set[str]:
    """A worker takes all that it gets, and dies under it."""
    process = f"dying{number}"
    taken = await claimed(await Session(store, f"{process}.1").open(), want=99)
    await store.reap(process)
    return {claim.id for claim in taken}


async def submit_a_suspect(front: Store, worker: Store) -> str:
    suspect = await submit(front)
    for number in range(3):
        assert await die(worker, number) == {suspect}
    return suspect


@ensureDeferred
async def test_jobs_run_again_together_after_two_deaths_and_alone_after_a_third(
    front: Store, worker: Store
) -> None:
    ids = [await submit(front) for _ in range(3)]
    for number in range(3):
        assert await die(worker, number) == set(ids)
    one, other = await Session(worker, "a.1").open(), await Session(worker, "b.1").open()
    assert [c.id for c in await claimed(one)] == ids[:1]
    fresh = await submit(front)
    assert await claimed(one) == []
    assert [c.id for c in await claimed(other)] == ids[1:2]  # it holds nothing, so it tries one too
    turned = await other.turn(10, Report(ids[1], State.SUCCEEDED, "1"))
    assert [c.id for c in turned.claims] == ids[2:]
    turned = await other.turn(10, Report(ids[2], State.SUCCEEDED, "1"))
    assert [c.id for c in turned.claims] == [fresh]
    last = await submit(front)
    turned = await one.turn(10, Report(ids[0], State.SUCCEEDED, "1"))
    assert [c.id for c in turned.claims] == [last]


@ensureDeferred
@pytest.mark.parametrize("does", ["tries", "empties"])
async def test_a_suspect_that_runs_for_long_does_not_keep_its_worker_to_itself(
    redis: RedisProcess, front: Store, worker: Store, does: str
) -> None:
    session = await Session(worker, "a.1").open()
    if does == "empties":
        await submit(front)
        await claimed(session)
    await submit_a_suspect(front, worker)
    first = await session.turn()
    assert first.alone
    fresh = await submit(front)
    assert await claimed(session) == []
    for _ in range(2):
        if redis.client.hexists("{r0}:trial", "a.1"):
            redis.client.hset("{r0}:trial", "a.1", f"{does} 1")  # long ago
        turned = await session.turn()
        if turned.claims:
            break
    assert [c.id for c in turned.claims] == [fresh]
    assert not turned.alone
    later = await submit(front)
    assert [c.id for c in await claimed(session)] == [later]
    await worker.leave("a.1")
    assert not redis.client.exists("{r0}:rest")


@ensureDeferred
async def test_a_busy_session_takes_nothing_new_until_it_can_try_a_suspect_alone(
    front: Store, worker: Store
) -> None:
    busy = await submit(front)
    session = await Session(worker, "a.1").open()
    await claimed(session)
    suspect = await submit_a_suspect(front, worker)
    fresh = await submit(front)
    assert await claimed(session) == []
    turned = await session.turn(10, Report(busy, State.SUCCEEDED, "1"))
    assert [c.id for c in turned.claims] == [suspect]
    turned = await session.turn(10, Report(suspect, State.SUCCEEDED, "1"))
    assert [c.id for c in turned.claims] == [fresh]


@ensureDeferred
async def test_only_one_busy_session_empties_itself_and_goes_on_when_another_tries_the_suspect(
    front: Store, worker: Store
) -> None:
    sessions = [await Session(worker, name).open() for name in ("a.1", "b.1", "c.1")]
    empties, busy, empty = sessions
    for session in (empties, busy):
        await submit(front)
        await claimed(session)
    suspect = await submit_a_suspect(front, worker)
    fresh = [await submit(front) for _ in range(2)]
    assert await claimed(empties) == []
    assert [c.id for c in await claimed(busy, want=1)] == fresh[:1]
    assert [c.id for c in await claimed(empty)] == [suspect]
    assert [c.id for c in await claimed(empties)] == fresh[1:]


@ensureDeferred
async def test_neighbours_of_what_was_found_guilty_are_not_to_blame_for_its_deaths(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    unlucky = await submit(front)
    await die(worker, 9)
    poison, neighbour = [await submit(front) for _ in range(2)]
    for number in range(2):
        assert await die(worker, number) == {unlucky, poison, neighbour}
    other = await Session(worker, "other.1").open()
    assert [c.id for c in await claimed(other)] == [unlucky]  # a suspect by now, and tried alone
    for number in range(2, 5):
        taken = await die(worker, number)
        assert poison in taken
    assert (await outcome(front, poison)).payload == "worker-died"
    assert redis.client.get("{r0}:blame:dying1.1") == poison.encode()
    await front.reap("other")
    assert not redis.client.exists("{r0}:suspect:echo", "{r0}:suspects")  # two deaths were its own
    last = await Session(worker, "last.1").open()
    assert [c.id for c in await claimed(last)] == [unlucky, neighbour]


@ensureDeferred
async def test_who_was_found_innocent_while_it_waited_as_a_suspect_is_none(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    suspect = await submit_a_suspect(front, worker)
    for number in range(3):
        redis.client.set(f"{{r0}}:blame:dying{number}.1", "0-another")
    fresh = await submit(front)
    session = await Session(worker, "other.1").open()
    assert [c.id for c in await claimed(session)] == [suspect, fresh]
    assert not redis.client.exists("{r0}:suspect:echo", "{r0}:suspects", "{r0}:trial")


@ensureDeferred
async def test_a_job_that_stopped_its_worker_for_good_is_alone_to_blame(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    blocks, neighbour = await submit(front), await submit(front)
    for number in range(4):
        session = await Session(worker, f"w{number}.1").open()
        assert {c.id for c in await claimed(session)} >= ({blocks} if number > 2 else {blocks, neighbour})
        redis.client.set(f"{{r0}}:blame:w{number}.1", blocks)
        await front.reap(f"w{number}")
    assert redis.client.hgetall("{r0}:crash").keys() == {blocks.encode()}
    assert (await standing(front, neighbour)).attempts == 0  # none of its starts counts


@ensureDeferred
async def test_what_a_large_worker_held_goes_back_in_parts(
    redis: RedisProcess, make_store: MakeStore, worker: Store
) -> None:
    front, ids = await submit_many(make_store, [a_job(once=n % 2 == 0) for n in range(1300)])
    session = await Session(worker).open()
    while await claimed(session, 20_000):
        pass
    assert redis.client.hlen("{r0}:run") == 1300
    before = redis.client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert {back.id for back in await front.reap("worker")} == ids
    assert redis.client.info("commandstats")["cmdstat_evalsha"]["calls"] - before == 14
    assert redis.client.hlen("{r0}:job") == redis.client.zcard("{r0}:ready:echo") == 650
    assert not redis.client.exists("{r0}:run", "{r0}:closing", "{r0}:held:worker.1")


@ensureDeferred
async def test_a_sweep_goes_on_where_the_last_part_of_a_dead_worker_was_left(
    redis: RedisProcess, make_store: MakeStore, worker: Store
) -> None:
    front, _ = await submit_many(make_store, [a_job()] * 700)
    session = await Session(worker).open()
    while await claimed(session, 20_000):
        pass
    await front.partition.verb("reap", "worker", front._terms)  # and whoever did so died
    assert redis.client.hlen("{r0}:run") == 600
    redis.client.set("{r0}:sweeper", "front")  # another would leave it for a moment to whoever swept last
    swept = await front.sweep()
    assert len(swept.given_back) == 600
    assert redis.client.zcard("{r0}:ready:echo") == 700


@ensureDeferred
async def test_a_worker_that_holds_many_goes_on_with_all_of_them(
    redis: RedisProcess, make_store: MakeStore, worker: Store
) -> None:
    await submit_many(make_store, [a_job()] * 1100)
    session = await Session(worker).open()
    claims = [claim for _ in range(12) for claim in await claimed(session, 20_000)]
    again = await Session(worker, "worker.2").open("worker.1", *claims)
    assert len(again.adopted) == 1100
    assert redis.client.zcard("{r0}:held:worker.2") == 1100
    assert not redis.client.exists("{r0}:held:worker.1", "{r0}:closing")
    assert redis.client.zrange("{r0}:session", 0, -1) == [b"worker.2"]


@ensureDeferred
async def test_an_adopted_job_was_started_when_it_was(front: Store, worker: Store) -> None:
    id = await submit(front)
    (claim,) = await claimed(await Session(worker).open())
    while await front.moment() <= claim.started:
        pass
    await Session(worker, "worker.2").open("worker.1", claim)
    assert (await standing(front, id)).started == claim.started


@ensureDeferred
async def test_what_kills_its_workers_alone_becomes_a_dead_letter_and_its_neighbours_do_not(
    front: Store, worker: Store
) -> None:
    poison, *neighbours = [await submit(front) for _ in range(3)]
    for number in range(3):
        assert await die(worker, number) == {poison, *neighbours}
    for number in range(3, 5):
        neighbours.append(await submit(front))
        assert await die(worker, number) == {poison}
    end = await outcome(front, poison)
    assert (end.state, end.payload, end.attempts) == (State.FAILED, "worker-died", 5)
    for id in neighbours:
        assert (await standing(front, id)).state is State.QUEUED
    (letter,) = await front.dead()
    assert (letter.id, letter.cause, letter.job.name) == (poison, "worker-died", "echo")
    assert letter.sessions == tuple(f"dying{number}.1" for number in range(5))


@ensureDeferred
async def test_a_dead_letter_can_be_run_again_under_a_new_id(front: Store, worker: Store) -> None:
    id, session = await running(front, worker, attempts=2, key="digest", arguments='{"message":1}')
    await session.turn(0, Report(id, State.FAILED, '{"type":"/problems/x"}'))
    (letter,) = await front.dead()
    assert letter.cause == '{"type":"/problems/x"}'
    again = await front.revive(letter)
    assert again != id
    (claim,) = await claimed(session)
    assert (claim.id, claim.job.arguments, claim.attempt) == (again, '{"message":1}', 1)


@ensureDeferred
async def test_dead_letters_are_bounded_in_count_and_age(redis: RedisProcess, front: Store) -> None:
    await front.sweep()
    redis.client.zadd("{r0}:dead", {f"new{n}": 9e15 + n for n in range(10_050)})
    redis.client.zadd("{r0}:dead", {"old": 1})
    redis.client.hset("{r0}:letter", "old", b"x")
    await front.sweep()
    assert redis.client.zcard("{r0}:dead") == 10_000
    assert not redis.client.exists("{r0}:letter")


async def fail(front: Store, worker: Store, size: int) -> str:
    id, session = await running(front, worker, attempts=2, arguments=f'{{"x":"{"x" * size}"}}')
    await session.turn(0, Report(id, State.FAILED, '{"type":"/problems/x"}'))
    await worker.leave("worker.1")
    return id


@ensureDeferred
async def test_dead_letters_are_bounded_in_bytes_the_oldest_go_first(
    redis: RedisProcess, make_store: MakeStore
) -> None:
    terms = {"dead_bytes": 20_000}
    front, worker = make_store("front", **terms), make_store("worker", **terms)
    ids = [await fail(front, worker, 3000) for _ in range(9)]
    assert [letter.id for letter in await front.dead()] == ids[:-7:-1]
    assert int(redis.client.get("{r0}:buried")) <= 20_000
    redis.client.zadd("{r0}:dead", dict.fromkeys(ids[3:], 1))  # long ago
    await front.sweep()
    assert not redis.client.exists("{r0}:dead", "{r0}:letter", "{r0}:lettersize", "{r0}:buried")


@ensureDeferred
async def test_arguments_that_are_too_large_are_not_kept_with_a_dead_letter(make_store: MakeStore) -> None:
    terms = {"dead_arguments": 1000}
    front, worker = make_store("front", **terms), make_store("worker", **terms)
    small, large = [await fail(front, worker, size) for size in (10, 3000)]
    letters = {letter.id: letter for letter in await front.dead()}
    assert letters[small].job.arguments == '{"x":"xxxxxxxxxx"}'
    assert (letters[large].cut, letters[large].job.arguments) == (True, "")
    with pytest.raises(ValueError, match="too large to be kept"):
        await front.revive(letters[large])


@ensureDeferred
async def test_a_failure_that_says_so_is_a_dead_letter_however_few_its_attempts(
    front: Store, worker: Store
) -> None:
    id, session = await running(front, worker)
    await session.turn(0, Report(id, State.FAILED, '{"type":"/problems/bad-arguments"}', dead=True))
    assert (await outcome(front, id)).state is State.FAILED
    assert [letter.id for letter in await front.dead()] == [id]


@ensureDeferred
async def test_a_job_that_must_not_run_twice_is_interrupted(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await front.sweep()
    id = (await front.submit(Submission(front.mint(), a_job(once=True), deadline=60_000))).id
    session = await Session(worker).open()
    await claimed(session)
    await front.reap("worker")
    end = await outcome(front, id)
    assert (end.state, end.payload) == (State.FAILED, "interrupted")
    assert not redis.client.exists("{r0}:deadline", "{r0}:held:worker.1")


# -- leases --


@ensureDeferred
async def test_a_session_is_reaped_by_its_lease_and_only_after_it(make_store: MakeStore) -> None:
    front, worker = make_store("front", lease=0.3), make_store("worker", lease=0.3)
    id, session = await running(front, worker)
    while (await standing(front, id)).state is State.RUNNING:
        await front.sweep()
    with pytest.raises(Fenced):
        await session.turn()


@ensureDeferred
async def test_a_turn_keeps_the_lease(make_store: MakeStore) -> None:
    front, worker = make_store("front", lease=0.3), make_store("worker", lease=0.3)
    id, session = await running(front, worker)
    began = (await standing(front, id)).started
    while await front.moment() < began + 1000:
        await front.sweep()
        await session.turn(0)
    assert (await standing(front, id)).state is State.RUNNING


@ensureDeferred
async def test_after_a_time_without_sweeps_nobody_is_reaped_for_a_lease(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id, session = await running(front, worker)
    redis.client.zadd("{r0}:session", {"worker.1": 1})  # the lease ended long ago
    redis.client.set("{r0}:swept", 1)  # and so did the last sweep
    redis.client.delete("{r0}:quiet")
    await front.sweep()
    await front.sweep()
    assert (await standing(front, id)).state is State.RUNNING
    assert (await session.turn(0)).refused == []
    redis.client.zadd("{r0}:session", {"worker.1": 1})
    redis.client.set("{r0}:quiet", 1)
    await front.sweep()
    assert (await standing(front, id)).state is State.QUEUED


@ensureDeferred
async def test_a_job_that_goes_back_is_found_though_another_of_its_name_came_and_went_in_the_same_script(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    held = await submit(front, priority=-1)
    await claimed(await Session(worker).open())
    late = Submission(front.mint(), a_job(), delay=1, deadline=1)
    await front.submit(late)
    while not redis.client.zcount("{r0}:delay", 0, await front.moment() - 1):
        pass
    redis.client.zadd("{r0}:session", {"worker.1": 1})  # its lease has ended
    redis.client.set("{r0}:quiet", 1)
    await front.sweep()  # lets the one come and go, and gives the other back
    assert (await outcome(front, late.id)).state is State.EXPIRED
    other = await Session(worker, "other.1").open()
    assert [claim.id for claim in await claimed(other)] == [held]


# -- adoption --


@ensureDeferred
async def test_a_zombie_goes_on_with_what_nobody_took(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    kept, taken, ended = [await submit(front) for _ in range(3)]
    zombie = await Session(worker).open()
    claims = await claimed(zombie)
    await front.reap("worker")
    other = await Session(worker, "other.1").open()
    (first,) = await claimed(other, 1)
    assert first.id == kept
    again = await Session(worker, "worker.2").open("worker.1", *claims)
    assert again.adopted == {taken, ended}
    assert (
        await again.turn(0, Report(ended, State.SUCCEEDED, "7"), Report(taken, State.SUCCEEDED, "8"))
    ).refused == []
    assert (await outcome(front, ended)).payload == "7"
    assert (await outcome(front, taken)).attempts == 1
    await other.turn(0, Report(kept, State.SUCCEEDED, "9"))
    assert (await outcome(front, kept)).payload == "9"
    assert not redis.client.exists("{r0}:crash")


@ensureDeferred
async def test_a_zombie_does_not_get_what_has_ended_or_is_not_its_own(front: Store, worker: Store) -> None:
    id = await submit(front)
    zombie = await Session(worker).open()
    claims = await claimed(zombie)
    await front.reap("worker")
    other = await Session(worker, "other.1").open()
    await other.turn(0, *succeeded(await other.turn()))
    again = await Session(worker, "worker.2").open("worker.1", *claims)
    assert again.adopted == set()
    assert (await outcome(front, id)).payload == "1"


@ensureDeferred
@pytest.mark.parametrize("given_back", [False, True])
async def test_an_adopted_job_keeps_its_place(front: Store, worker: Store, given_back: bool) -> None:
    first, second = [await submit(front) for _ in range(2)]
    one = await Session(worker).open()
    (claim,) = await claimed(one, want=1)
    if given_back:
        await front.leave("worker.1")
    await Session(worker, "worker.2").open("worker.1", claim)
    await front.reap("worker")
    other = await Session(worker, "other.1").open()
    assert [c.id for c in await claimed(other)] == [first, second]


@ensureDeferred
async def test_what_was_forgotten_goes_behind_what_is_there(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    first, second = [await submit(front) for _ in range(2)]
    (claim,) = await claimed(await Session(worker).open(), want=1)
    redis.client.hdel("{r0}:job", first)
    redis.client.hdel("{r0}:run", first)
    await Session(worker, "worker.2").open("worker.1", claim)
    await front.reap("worker")
    other = await Session(worker, "other.1").open()
    assert [c.id for c in await claimed(other)] == [second, first]


@ensureDeferred
async def test_adoption_sent_again_answers_the_same(redis: RedisProcess, front: Store, worker: Store) -> None:
    await submit(front)
    unknown = await submit(front)
    session = await Session(worker).open()
    first, second = await claimed(session)
    assert second.id == unknown
    for _ in range(2):
        again = await Session(worker, "worker.2").open("worker.1", first)
        assert again.adopted == {first.id}
    assert redis.client.zrange("{r0}:session", 0, -1) == [b"worker.2"]
    assert (await standing(front, first.id)).attempts == 1
    assert (await standing(front, unknown)).state is State.QUEUED  # the claim whose answer was lost


@ensureDeferred
async def test_adoption_sent_again_takes_back_one_death_only(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front)
    claims = await claimed(await Session(worker).open())
    await front.reap("worker")
    await die(worker, 1)
    for _ in range(2):
        again = await Session(worker, "worker.2").open("worker.1", *claims)
        assert again.adopted == {id}
    assert redis.client.hgetall("{r0}:tries") == {id.encode(): b"1"}
    assert redis.client.hgetall("{r0}:crash") == {id.encode(): b"dying1.1"}


@ensureDeferred
async def test_a_worker_that_was_taken_for_dead_is_no_death_of_its_jobs(
    redis: RedisProcess, make_store: MakeStore
) -> None:
    front, worker = make_store("front", lease=0.3), make_store("worker", lease=0.3)
    id = await submit(front)
    claims = await claimed(await Session(worker).open())
    while (await standing(front, id)).state is State.RUNNING:
        await front.sweep()
    (other,) = await claimed(await Session(worker, "other.1").open())
    assert (other.id, other.attempt) == (id, 2)
    assert redis.client.hget("{r0}:crash", id) == b"worker.1"
    for _ in range(2):  # also where the answer was lost
        back = await Session(worker, "worker.2").open("worker.1", *claims)
        assert back.adopted == set()
        assert not redis.client.exists("{r0}:crash")
    assert (await standing(front, id)).attempts == 2


@ensureDeferred
async def test_a_worker_registers_again_what_redis_forgot(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front, key="digest", fingerprint="f", arguments='{"message":"é"}')
    session = await Session(worker).open()
    (claim,) = await claimed(session)
    redis.client.flushall()
    with pytest.raises(StoreReset):
        await session.turn()
    again = await Session(worker, "worker.2").open("worker.1", claim)
    assert again.adopted == {id}
    assert (await standing(front, id)).state is State.RUNNING
    assert await front.find("digest") == id
    receipt = await front.submit(Submission(front.mint(), a_job(key="digest", fingerprint="f")))
    assert (receipt.id, receipt.new) == (id, False)
    await again.turn(0, Report(id, State.SUCCEEDED, "1"))
    assert (await outcome(front, id)).created == claim.created


# -- fronts that come back --


@ensureDeferred
async def test_a_front_attaches_many_and_submits_what_is_unknown(redis: RedisProcess, front: Store) -> None:
    live = await submit(front)
    lost = Submission(front.mint(), a_job(key="digest", fingerprint="f"))
    assert [type(known) for known in await front.attach_all([live, lost.id])] == [JobStatus, type(None)]
    for _ in range(2):
        (receipt,) = await front.submit_again([lost])
        assert (receipt.id, receipt.new) == (lost.id, True)  # type: ignore[union-attr]
    assert redis.client.hlen("{r0}:job") == 2


@ensureDeferred
async def test_an_id_of_a_store_that_was_reset_is_told_apart(redis: RedisProcess, front: Store) -> None:
    id = await submit(front)
    redis.client.flushall()
    with pytest.raises(StoreReset):
        await front.look("me", id)
    for verb in (front.look, front.attach, front.cancel):
        with pytest.raises(StoreReset):
            await verb("me", id)
    with pytest.raises(NoSuchJob):
        await front.look("me", front.mint())


# -- clients that go away --


@ensureDeferred
@pytest.mark.parametrize("running", [False, True])
async def test_a_job_that_nobody_wants_any_more_is_cancelled(
    redis: RedisProcess, front: Store, worker: Store, running: bool
) -> None:
    id = await submit(front)
    session = await Session(worker).open()
    if running:
        await claimed(session)
    assert await front.abandon(id) is True
    if running:
        mail = [pair for _, entry in redis.client.xrange("{r0}:inbox:worker") for pair in entry.items()]
        assert (id.encode(), b"c") in mail
    else:
        assert (await outcome(front, id)).state is State.CANCELLED
        assert await front.abandon(id) is False


@ensureDeferred
async def test_a_job_that_somebody_waits_for_is_not_abandoned_until_all_have_left(
    make_store: MakeStore, worker: Store
) -> None:
    one, other = make_store("one"), make_store("other")
    id = await submit(one, inbox="one")
    await other.attach("me", id)
    assert await one.abandon(id) is False
    await one.attach("me", id)  # it came back
    assert await other.abandon(id) is False
    assert await one.abandon(id) is True
    assert (await outcome(one, id)).state is State.CANCELLED


# -- a full Redis --


@ensureDeferred
async def test_a_full_redis_refuses_new_work_and_finishes_what_it_has(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front)
    session = await Session(worker).open()
    redis.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreFull):
            await front.submit(Submission(front.mint(), a_job()))
        await front.sweep()
        await front.attach("me", id)
        await session.turn(0, *succeeded(await session.turn()))
        assert (await outcome(front, id)).payload == "1"
        await Session(worker, "another.1").open()
    finally:
        redis.client.config_set("maxmemory", 0)
    await submit(front)
