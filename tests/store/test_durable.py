"""Durable jobs on real servers: when they count as accepted, and who tells how they ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError, Deferred, DeferredList

from relay.model.problems.request import NotDurable, StoreAway
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.operations.listings import page
from relay.operations.seen import JobFilter
from relay.store.messages import Report, Submission, Turn, Why
from tests.processes import RedisProcess
from tests.store.conftest import Store
from tests.store.durable_scene import HASTY, Pair, stores_at
from tests.store.test_store import a_job, roster


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    found = Pair(tmp_path)
    try:
        found.start()
        yield found
    finally:
        found.stop()


async def submit(store: Store, **changed: object) -> str:
    return (await store.submit(durable(store, **changed))).id


def durable(store: Store, **changed: object) -> Submission:
    return Submission(store.mint(), a_job(**{"durable": True, **changed}))


async def put_in(store: Store, **changed: object) -> str:
    """A durable job, without waiting for that."""
    (receipt,) = await store.submissions.again([durable(store, **changed)])
    assert not isinstance(receipt, Exception)
    return receipt.id


async def end(worker: Store, *reports: Report) -> None:
    """A session claims all there is, and its next turn reports."""
    await worker.adopt("", "worker.1", 1, roster("echo"), [])
    claimed = await worker.turn("worker.1", Turn(2, 100))
    assert {claim.id for claim in claimed.claims} == {report.id for report in reports}
    ended = await worker.turn("worker.1", Turn(3, 0, tuple((report, 2) for report in reports)))
    assert ended.refused == []


@ensureDeferred
async def test_an_end_is_not_told_before_it_is_durable(
    front: Store, worker: Store, make_reader: object
) -> None:
    await front.sweep()
    reader = make_reader("front")  # type: ignore[operator]
    id = await put_in(front)
    await end(worker, Report(id, State.SUCCEEDED, "7"))
    looked = await front.look("me", id)
    assert isinstance(looked, JobStatus)
    assert (looked.state, looked.attempts, looked.durable) == (State.RUNNING, 1, True)
    assert ((await front.totals()).jobs, (await front.totals()).running) == (1, 1)
    listed = await page(front, JobFilter(state="running"), 10, "")
    assert [(job.id, job.state) for job in listed.jobs] == [(id, "running")]
    known = await front.known(id)
    assert known is not None
    assert known.why == Why.UNTOLD
    assert await worker.partition.verb("announce", "60000 1 1", id) == [1]
    outcome = await front.look("me", id)
    assert isinstance(outcome, Outcome)
    assert (outcome.payload, outcome.durable, (await reader.next()).id) == ("7", True, id)
    assert await worker.partition.verb("announce", "60000 1 1", id) == [1]  # nothing more comes of it


@ensureDeferred
async def test_an_end_that_nobody_told_is_told_by_a_sweep(server: RedisProcess, tmp_path: Path) -> None:
    server.client.config_set("appendfsync", "always")
    async with stores_at(f"unix://{server.socket}", "front", "worker") as (front, worker):
        await front.sweep()
        id = await put_in(front)
        await end(worker, Report(id, State.SUCCEEDED, "7"))  # and dies
        server.client.zadd("{r0}:untold", {id: 1})  # a while ago
        await front.sweep()
        while isinstance(await front.look("me", id), JobStatus):
            pass
        assert server.client.exists("{r0}:untold", "{r0}:ending") == 0


@ensureDeferred
async def test_a_durable_job_that_ended_is_not_run_cancelled_or_given_back_before_that_is_told(
    front: Store, worker: Store, redis: RedisProcess
) -> None:
    await front.sweep()
    id = await put_in(front, key="k", fingerprint="f")
    await end(worker, Report(id, State.SUCCEEDED, "7"))
    before, after = await front.cancel("me", id)
    assert (before.state, after) == (State.RUNNING, None)
    await worker.leave("worker.1")
    await worker.adopt("", "worker.2", 1, roster("echo"), [])
    assert (await worker.turn("worker.2", Turn(2, 100))).claims == []
    await worker.partition.verb("announce", "60000 1 1", id)
    outcome = await front.look("me", id)
    assert (outcome.state, redis.client.hlen("{r0}:job")) == (State.SUCCEEDED, 0)


@ensureDeferred
async def test_a_waiting_durable_job_that_is_cancelled_ends_when_that_is_durable(
    front: Store, worker: Store
) -> None:
    await front.sweep()
    id = await put_in(front)
    before, after = await front.cancel("me", id)
    assert (before.state, after, (await front.look("me", id)).state) == (State.QUEUED, None, State.RUNNING)
    await worker.partition.verb("announce", "60000 1 1", id)
    assert (await front.look("me", id)).state is State.CANCELLED


@ensureDeferred
async def test_a_worker_goes_on_with_an_end_that_the_store_has_lost_and_not_with_one_that_it_has(
    front: Store, worker: Store, redis: RedisProcess
) -> None:
    await front.sweep()
    has, lost = await put_in(front), await put_in(front)
    await worker.adopt("", "worker.1", 1, roster("echo"), [])
    claims = {claim.id: claim for claim in (await worker.turn("worker.1", Turn(2, 100))).claims}
    run = redis.client.hget("{r0}:run", lost)
    ends = tuple((Report(id, State.SUCCEEDED, "7"), 2) for id in (has, lost))
    await worker.turn("worker.1", Turn(3, 0, ends))
    redis.client.hdel("{r0}:ending", lost)
    redis.client.hset("{r0}:run", lost, run)
    taken = await worker.adopt("worker.1", "worker.2", 1, roster("echo"), list(claims.values()))
    assert taken == {lost}


@ensureDeferred
async def test_a_job_is_accepted_when_a_replica_has_it(pair: Pair) -> None:
    async with stores_at(f"redis://{pair.master.address}", "front") as (front,):
        await front.sweep()
        id = await submit(front)
        assert pair.replica.ask("HEXISTS", "{r0}:job", id) == 1


@asynccontextmanager
async def patient_and_hasty(pair: Pair) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores at a pair whose replica hangs: one of them does not wait for it."""
    url = f"redis://{pair.master.address}"
    async with stores_at(url, "front") as (patient,), stores_at(url, "front", seconds=HASTY) as (hasty,):
        await patient.sweep()
        await hasty.totals()
        pair.replica.hang()
        yield patient, hasty


@ensureDeferred
async def test_a_replica_that_hangs_makes_no_promise_in_time_and_goes_on_to_make_one(pair: Pair) -> None:
    async with patient_and_hasty(pair) as (patient, hasty):
        submission = durable(hasty, key="k", fingerprint="f")
        with pytest.raises(NotDurable, match=f"not within {HASTY} s") as error:
            await hasty.submit(submission)
        assert error.value.members == {"id": submission.id}
        pair.replica.go_on()
        again = await patient.submit(durable(patient, key="k", fingerprint="f"))
        assert (again.id, again.new) == (submission.id, False)
        assert pair.replica.ask("HEXISTS", "{r0}:job", submission.id) == 1


@ensureDeferred
async def test_a_known_job_that_no_replica_has_is_not_accepted_because_it_is_known(pair: Pair) -> None:
    async with patient_and_hasty(pair) as (_, hasty):
        id = await put_in(hasty, key="k", fingerprint="f")
        with pytest.raises(NotDurable, match=f"not within {HASTY} s") as error:
            await hasty.submit(durable(hasty, key="k", fingerprint="f"))
        assert error.value.members == {"id": id}


@ensureDeferred
async def test_other_jobs_do_not_wait_for_durable_ones(pair: Pair) -> None:
    async with patient_and_hasty(pair) as (patient, _):
        waiting = patient.submit(durable(patient))
        for _ in range(20):
            assert (await patient.submit(Submission(patient.mint(), a_job()))).new
        assert not waiting.called
        pair.replica.go_on()
        await waiting


@ensureDeferred
async def test_a_job_is_accepted_when_the_disk_has_it(server: RedisProcess) -> None:
    server.client.config_set("appendfsync", "always")
    async with stores_at(f"unix://{server.socket}", "front") as (front,):
        await front.sweep()
        await submit(front)
    asked = server.client.info("commandstats")
    assert asked["cmdstat_waitaof"]["calls"] == 1
    assert "cmdstat_wait" not in asked


@ensureDeferred
async def test_a_disk_that_is_written_to_every_second_proves_nothing(server: RedisProcess) -> None:
    async with stores_at(f"unix://{server.socket}", "front") as (front,):
        await front.sweep()
        with pytest.raises(NotDurable, match="with appendfsync everysec it says too early"):
            await submit(front)


@ensureDeferred
async def test_a_store_that_can_prove_nothing_says_so_at_once_and_takes_no_job_that_nobody_would_be_told_of(
    server: RedisProcess,
) -> None:
    server.client.config_set("appendonly", "no")
    async with stores_at(f"unix://{server.socket}", "front") as (front,):
        await front.sweep()
        submission = durable(front)
        with pytest.raises(NotDurable, match="it keeps no append-only file") as refused:
            await front.submit(submission)
        assert refused.value.members.get("id", "") == ""
        assert (await front.totals()).jobs == 0


ROUNDS, JOBS = 50, 20


async def accept(store: Store, submission: Submission) -> str:
    """Submit it until it is accepted."""
    while True:
        try:
            await store.submit_again([submission])
            return submission.id
        except NotDurable:
            continue


async def lost_with_the_master(pair: Pair, is_durable: bool, cut_for: float) -> tuple[int, int]:
    """How many jobs were accepted, and how many of them are lost, when the master is killed in the moment in which the
    first is accepted, and the replica takes over. Nothing reaches the replica for a while before."""
    from twisted.internet import reactor

    accepted: list[str] = []

    def kill(id: str) -> None:
        accepted.append(id)
        if pair.master.alive:
            pair.master.kill()

    async with stores_at(f"redis://{pair.master.address}", "front") as (front,):
        await front.sweep()
        if cut_for:
            pair.replica.hang()
            pair.master.ask("CLIENT", "KILL", "TYPE", "replica")
            reactor.callLater(cut_for, pair.replica.go_on)  # type: ignore[attr-defined]
        submissions = [durable(front, durable=is_durable) for _ in range(JOBS)]
        accepting = [Deferred.fromCoroutine(accept(front, each)) for each in submissions]
        await DeferredList([each.addCallback(kill) for each in accepting], fireOnOneCallback=True)
        for each in accepting:
            each.addErrback(lambda failure: failure.trap(StoreAway, CancelledError)).cancel()
    pair.promote()
    kept = pair.replica.client.hmget("{r0}:job", accepted)
    return len(accepted), sum(each is None for each in kept)


@pytest.mark.long
@ensureDeferred
async def test_no_durable_job_is_lost_when_its_master_is_killed_at_once(tmp_path: Path) -> None:
    chance = Random(1)
    for number in range(ROUNDS):
        pair = Pair(tmp_path / str(number))
        try:
            pair.start()
            count, lost = await lost_with_the_master(
                pair, True, chance.choice([0, 0, chance.uniform(0, 0.5)])
            )
            assert (count > 0, lost) == (True, 0)
        finally:
            pair.stop()


@pytest.mark.long
@ensureDeferred
async def test_jobs_that_are_not_durable_may_be_lost_with_their_master(pair: Pair) -> None:
    count, lost = await lost_with_the_master(pair, False, 0.3)
    assert lost == count > 0
