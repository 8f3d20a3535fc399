"""A store with three partitions, on a real server: what is counted in one of them, what goes from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred

from relay.model.caller import FREE, Allowance
from relay.model.job import Claim, Job
from relay.model.limits import Rate
from relay.model.problems.caller import RateExceeded, TooManyQueued
from relay.model.problems.request import KeyReused, QueueFull
from relay.model.state import State
from relay.model.status import Outcome
from relay.store.fronts import RedisFrontStore
from relay.store.keys import Keys
from relay.store.messages import LimitDefinition, Receipt, Report, Submission, Turn
from relay.store.operators import RedisOperatorStore
from relay.store.placing import pin_of
from relay.store.roster import Roster
from relay.store.workers import RedisWorkerStore
from tests.processes import RedisProcess
from tests.store.conftest import PARTS, MakeParted, swept
from tests.store.test_store import a_job, declared

SERVED = [declared("echo"), declared("limited", limit=LimitDefinition("api", 0, 0, "", most=2))]
ROSTER = Roster(SERVED)


class WorkerOfAll:
    """A worker with a session in each partition."""

    def __init__(self, store: RedisWorkerStore) -> None:
        self.store, self._number = store, 1
        self._session = f"{store.inbox}.1"
        self.held: dict[str, tuple[Claim, int]] = {}  # with the turn that claimed it

    async def open(self) -> WorkerOfAll:
        for number, part in enumerate(self.store.parts):
            await self.store.sweep(number)
            await part.adopt("", self._session, 1, ROSTER, [])
        await self.store.publish(ROSTER)
        return self

    async def turn(self, want: int, *ends: Report) -> list[Claim]:
        """Of all sessions: what they have claimed."""
        self._number += 1
        said = [(end, self.held.pop(end.id)[1]) for end in ends]
        claims: list[Claim] = []
        for number, part in enumerate(self.store.parts):
            own = tuple(end for end in said if end[0].id.startswith(f"{number}-"))
            holds = sum(id.startswith(f"{number}-") for id in self.held)
            claims += (await part.turn(self._session, Turn(self._number, want, own, holds=holds))).claims
        self.held |= {claim.id: (claim, self._number) for claim in claims}
        return claims


class FamilyScene(NamedTuple):
    """A parent that runs, and its sub-job, which waits in another partition, by their ids."""

    worker: WorkerOfAll
    parent: str
    child: str


@pytest_twisted.async_fixture
async def front(make_parted: MakeParted) -> RedisFrontStore:
    front: RedisFrontStore = make_parted(RedisFrontStore)
    await swept(front)
    return front


@pytest_twisted.async_fixture
async def family(make_parted: MakeParted, front: RedisFrontStore) -> FamilyScene:
    worker = await WorkerOfAll(make_parted(RedisWorkerStore, "w1")).open()
    return FamilyScene(worker, *await a_family(front, worker))


async def add(store: Any, job: Job, caller: str = "", allowance: Allowance = FREE, **more: Any) -> Receipt:
    id = store.mint(pin_of(job, caller), more.pop("beside", ""))
    receipt: Receipt = await store.submit(
        Submission(id, job, caller=caller, rate=allowance.rate, queued=allowance.queued, **more)
    )
    return receipt


def limited(**changed: object) -> Job:
    return a_job(name="limited", lane="@api", **changed)


@ensureDeferred
async def test_no_more_jobs_of_a_limit_run_than_it_lets_whichever_workers_ask(
    front: RedisFrontStore,
    make_parted: MakeParted,
) -> None:
    workers = [await WorkerOfAll(make_parted(RedisWorkerStore, name)).open() for name in ("w1", "w2")]
    free = [(await add(front, a_job())).id for _ in range(6)]
    ids = {(await add(front, limited())).id for _ in range(7)}
    assert len({id[0] for id in ids}) == 1
    assert len({id[0] for id in free}) > 1
    done: list[str] = []
    while len(done) < len(ids):
        for worker in workers:
            await worker.turn(5)
            running = [claim.id for each in workers for claim, _ in each.held.values() if claim.job.lane]
            assert len(running) <= 2
        first = next(worker for worker in workers if any(claim.job.lane for claim, _ in worker.held.values()))
        id = next(claim.id for claim, _ in first.held.values() if claim.job.lane)
        done.append(id)
        await first.turn(0, Report(id, State.SUCCEEDED, "1"))
    assert {*done} == ids


@ensureDeferred
async def test_a_caller_has_no_more_jobs_than_it_may_with_keys_or_without(front: RedisFrontStore) -> None:
    most = Allowance(queued=3)
    for key in ("a", "", "b"):
        await add(front, a_job(key=key, fingerprint="f", caller="token:shop"), "token:shop", most)
    for key in ("", "c", "d", "e"):
        with pytest.raises(TooManyQueued):
            await add(front, a_job(key=key, fingerprint="f", caller="token:shop"), "token:shop", most)
    few = Allowance(Rate(2, 3600))
    for key in ("x", ""):
        await add(front, a_job(key=key, fingerprint="f"), "token:app", few)
    with pytest.raises(RateExceeded):
        await add(front, a_job(key="z", fingerprint="f"), "token:app", few)


@ensureDeferred
async def test_what_others_join_is_one_job_and_a_key_stands_for_one_submission(
    front: RedisFrontStore,
) -> None:
    first = await add(front, a_job(unique="u"))
    assert [(await add(front, a_job(unique="u", key=key, fingerprint="f"))).id for key in ("", "k")] == [
        first.id
    ] * 2
    assert await front.find("k") == first.id
    for change in ({}, {"lane": "@api", "name": "limited"}, {"unique": "v"}):
        kept = await add(front, a_job(key=f"k{change}", fingerprint="f", **change))
        assert await front.find(f"k{change}") == kept.id
        with pytest.raises(KeyReused):
            await add(front, a_job(key=f"k{change}", fingerprint="other", **change))


@ensureDeferred
async def test_one_partition_takes_all_that_may_live_and_no_more_than_the_others_leave(
    make_parted: MakeParted,
) -> None:
    front = make_parted(RedisFrontStore, queue_limit=9)
    await swept(front)
    for _ in range(9):
        await add(front, limited())
    with pytest.raises(QueueFull):
        await add(front, limited())
    await swept(front)
    for key in "abcdefgh":
        with pytest.raises(QueueFull):
            await add(front, a_job(key=key, fingerprint="f"))


# -- sub-jobs that live in another partition than their parent --


async def a_family(front: Any, worker: WorkerOfAll) -> tuple[str, str]:
    """The ids of a parent that runs, and of its sub-job, which waits in another partition."""
    number = front._router.of_key("@api").keys.partition
    while True:
        parent = (await add(front, a_job())).id
        if parent[0] != str(number):
            break
        await front.cancel("me", parent)
    while parent not in worker.held:
        await worker.turn(1)
    child = await add(worker.store, limited(parent=parent, depth=1, key="c", fingerprint="f"), beside=parent)
    assert child.id[0] == str(number)
    return parent, child.id


async def look_at_parents(redis: RedisProcess, store: Any) -> None:
    """As sweeps do after a while."""
    for number in range(PARTS):
        key = f"{Keys(number, PARTS).tag}abroad"
        client = redis.client_of(key)
        for id in client.zrange(key, 0, -1):
            client.zadd(key, {id: 0})
    for _ in range(2):
        await swept(store)


ENDS = [
    Report("", State.FAILED, "{}"),
    Report("", State.FAILED, "{}", dead=True),
    Report("", State.CANCELLED),
]


@ensureDeferred
@pytest.mark.parametrize("end", ENDS, ids=["failed", "dead", "cancelled"])
async def test_a_sub_job_elsewhere_ends_with_its_parent_though_its_worker_says_nothing(
    redis: RedisProcess, make_parted: MakeParted, front: RedisFrontStore, family: FamilyScene, end: Report
) -> None:
    worker, parent, child = family
    await look_at_parents(redis, front)
    assert (await front.look("me", child)).state is State.QUEUED  # its parent lives
    operator = make_parted(RedisOperatorStore, "s1")
    known = await operator.known(parent)
    assert known is not None
    assert known.children == (child,)
    await worker.turn(0, msgspec.structs.replace(end, id=parent))
    await look_at_parents(redis, front)
    ended = await front.look("me", child)
    assert isinstance(ended, Outcome)
    assert ended.state is State.CANCELLED
    assert not leftovers(redis)


@ensureDeferred
async def test_a_sub_job_elsewhere_goes_on_after_its_parent_succeeded(
    redis: RedisProcess, front: RedisFrontStore, family: FamilyScene
) -> None:
    worker, parent, child = family
    await worker.turn(0, Report(parent, State.SUCCEEDED, "1"))
    await look_at_parents(redis, front)
    assert (await front.look("me", child)).state is State.QUEUED
    assert not leftovers(redis)


@ensureDeferred
async def test_another_attempt_finds_a_sub_job_elsewhere_after_its_worker_died(
    redis: RedisProcess, make_parted: MakeParted, front: RedisFrontStore, family: FamilyScene
) -> None:
    _, parent, child = family
    operator = make_parted(RedisOperatorStore, "s1")
    assert [back.id for back in await operator.reap("w1")] == [parent]
    await look_at_parents(redis, front)
    other = await WorkerOfAll(make_parted(RedisWorkerStore, "w2")).open()
    while parent not in other.held:
        await other.turn(2)
    job = limited(parent=parent, depth=1, key="c", fingerprint="f", inbox="w2")
    assert (await add(other.store, job, beside=parent)).id == child


def leftovers(redis: RedisProcess) -> Sequence[bytes]:
    names = ("abroad", "parents", "orphans")
    kept = [f"{Keys(number, PARTS).tag}{name}" for number in range(PARTS) for name in names]
    return [key for key in kept if redis.client_of(key).exists(key)]  # type: ignore[misc]
