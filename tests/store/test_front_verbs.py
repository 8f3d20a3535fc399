"""What fronts may expect of a store: the same of the real one and of the one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet.task import Clock

from relay.model.problems.request import KeyReused, NoSuchJob, QueueFull, StoreReset
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.process.stores import Partitions
from relay.redis.address import Address
from relay.redis.topology import topology_of
from relay.store.fronts import RedisFrontStore
from relay.store.messages import Receipt, Report, Submission
from relay.store.router import Router
from relay.store.terms import StoreSettings
from relay.store.workers import RedisWorkerStore
from tests.processes import RedisProcess
from tests.store.memory_store import ScriptedFrontStore
from tests.store.test_store import Session, a_job, declared, roster

LIMIT = 4  # jobs in the queue


class World(Protocol):
    """A store, and what happens to its jobs elsewhere. `verbs` are those of one front, `others` of another."""

    verbs: Any
    others: Any

    async def publish(self) -> None: ...

    async def begin(self) -> None:
        """All that waits runs."""

    async def end(self) -> None:
        """All that runs succeeds with ``"done"``."""


class InMemory:
    def __init__(self) -> None:
        clock = Clock()
        clock.advance(1_000_000)
        self.verbs = ScriptedFrontStore(clock, "front", LIMIT)
        self.others = ScriptedFrontStore(clock, "other")
        for name in ("_jobs", "_known", "_keys", "_waiters"):
            setattr(self.others, name, getattr(self.verbs, name))

    async def publish(self) -> None:
        self.verbs.publish([declared("echo")])

    async def begin(self) -> None:
        for id, known in self.verbs._known.items():
            if known.state is State.QUEUED:
                self.verbs.begin(id)

    async def end(self) -> None:
        for id, known in list(self.verbs._known.items()):
            if known.state is State.RUNNING:
                self.verbs.end(id, payload='"done"')


class InRedis:
    def __init__(self, make_store: Any) -> None:
        self.verbs, self.others = make_store("front", queue_limit=LIMIT), make_store("other")
        self._worker = make_store("worker")
        self._session: Session | None = None
        self._ends: list[Report] = []

    async def publish(self) -> None:
        await self._worker.publish(roster("echo"))

    async def begin(self) -> None:
        self._session = self._session or await Session(self._worker).open()
        self._ends += [
            Report(claim.id, State.SUCCEEDED, '"done"') for claim in (await self._session.turn()).claims
        ]

    async def end(self) -> None:
        ends, self._ends = self._ends, []
        assert self._session is not None
        await self._session.turn(0, *ends)


class Parted(RedisFrontStore, RedisWorkerStore):
    """The verbs of a process in a store with several partitions."""


class OnePart:
    """What a session asks of one of them."""

    def __init__(self, store: Parted, number: int) -> None:
        self.sweep = lambda: store.sweep(number)
        self.adopt, self.turn = store.parts[number].adopt, store.parts[number].turn


class InPartitions:
    """The same in three partitions."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[Parted] = []
        self.verbs, self.others, self._worker = self._make("front"), self._make("other"), self._make("worker")
        self._sessions: list[Session] = []
        self._ends: list[tuple[Session, Report]] = []

    def _make(self, name: str) -> Parted:
        from twisted.internet import reactor

        topology = topology_of(reactor, Address.parse(self._url))
        parts = Partitions(reactor, topology, pytest.fail).all(3, "contract")
        self._made.append(Parted(Router(parts, topology), name, StoreSettings(60, 10, 1000)))
        self._made[-1].start()
        return self._made[-1]

    async def publish(self) -> None:
        await self._worker.publish(roster("echo"))

    async def begin(self) -> None:
        if not self._sessions:
            known: list[Any] = [OnePart(self._worker, number) for number in range(3)]
            self._sessions = [await Session(part).open() for part in known]
        for session in self._sessions:
            for claim in (await session.turn()).claims:
                self._ends.append((session, Report(claim.id, State.SUCCEEDED, '"done"')))

    async def end(self) -> None:
        ends, self._ends = self._ends, []
        for session in self._sessions:
            await session.turn(0, *[end for of, end in ends if of is session])

    async def stop(self) -> None:
        for store in self._made:
            await store.stop()


#: tests of what is counted in each partition for itself
APART = {
    "test_a_submission_is_a_new_job_that_waits",
    "test_a_queue_that_is_full_takes_nothing_and_keeps_no_key",
}
REAL = [pytest.param(kind, marks=pytest.mark.processes) for kind in ("redis", "partitions")]


@pytest_twisted.async_yield_fixture
async def parted(redis: RedisProcess) -> AsyncIterator[InPartitions]:
    made = InPartitions(redis.url)
    yield made
    await made.stop()


@pytest.fixture(params=["memory", *REAL])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return InMemory()
    if request.param == "redis":
        return InRedis(request.getfixturevalue("make_store"))
    if request.node.originalname in APART:
        pytest.skip("it is counted in each partition for itself")
    parted: World = request.getfixturevalue("parted")
    return parted


async def submit(world: World, delay: int = 0, **changed: object) -> tuple[str, Receipt]:
    """Its id as minted, and the receipt."""
    await arrive(world)
    id = world.verbs.mint(str(changed.get("key", "")))
    return id, await world.verbs.submit(Submission(id, a_job(**changed), delay))


async def arrive(world: World) -> None:
    """Have the real store know its data set, before ids are made."""
    for partition in range(world.verbs.partitions):
        await world.verbs.catalogue(partition)


@ensureDeferred
async def test_a_submission_is_a_new_job_that_waits(world: World) -> None:
    id, receipt = await submit(world)
    assert (receipt.id, receipt.new, receipt.outcome) == (id, True, None)
    known = await world.verbs.look("me", id)
    assert known == JobStatus(id, "echo", State.QUEUED, receipt.now, position=1)
    other, _ = await submit(world)
    assert (await world.verbs.look("me", other)).position == 2


@ensureDeferred
async def test_a_delayed_one_is_scheduled(world: World) -> None:
    id, receipt = await submit(world, delay=60_000)
    assert receipt.new
    assert (await world.verbs.look("me", id)).state is State.SCHEDULED


@ensureDeferred
async def test_a_key_stands_for_its_job_while_it_lives_and_after_it_ended(world: World) -> None:
    first, _ = await submit(world, key="k", fingerprint="f")
    assert await world.verbs.find("k") == first
    _, again = await submit(world, key="k", fingerprint="f")
    assert (again.id, again.new, again.outcome) == (first, False, None)
    with pytest.raises(KeyReused):
        await submit(world, key="k", fingerprint="g")
    await world.begin()
    await world.end()
    _, again = await submit(world, key="k", fingerprint="f")
    assert (again.id, again.new) == (first, False)
    assert again.outcome == await world.verbs.look("me", first)
    with pytest.raises(NoSuchJob):
        await world.verbs.find("another")


@ensureDeferred
async def test_a_job_runs_and_ends(world: World) -> None:
    id, receipt = await submit(world)
    await world.begin()
    running = await world.verbs.look("me", id)
    assert (running.state, running.attempts, running.position) == (State.RUNNING, 1, 0)
    assert running.started >= receipt.now
    await world.end()
    outcome = await world.verbs.look("me", id)
    assert isinstance(outcome, Outcome)
    assert (outcome.state, outcome.payload, outcome.attempts) == (State.SUCCEEDED, '"done"', 1)
    assert outcome.follows is False


@ensureDeferred
async def test_a_job_is_its_owners_only_and_an_id_of_another_data_set_is_told_apart(world: World) -> None:
    id, _ = await submit(world)
    for verb in (world.verbs.look, world.verbs.attach, world.verbs.cancel):
        with pytest.raises(NoSuchJob):
            await verb("somebody else", id)
        with pytest.raises(NoSuchJob):
            await verb("me", f"{id}0")
        with pytest.raises(StoreReset):
            await verb("me", "0-elsewhere-abc")


@ensureDeferred
async def test_a_queue_that_is_full_takes_nothing_and_keeps_no_key(world: World) -> None:
    for _ in range(LIMIT):
        await submit(world)
    with pytest.raises(QueueFull):
        await submit(world, key="k", fingerprint="f")
    with pytest.raises(NoSuchJob):
        await world.verbs.find("k")


@ensureDeferred
async def test_a_job_that_waits_is_cancelled_at_once_and_one_that_runs_is_not(world: World) -> None:
    waits, _ = await submit(world)
    before, after = await world.verbs.cancel("me", waits)
    assert (before.state, after.state, after.payload) == (State.QUEUED, State.CANCELLED, "")
    assert await world.verbs.cancel("me", waits) == (after, after)
    runs, _ = await submit(world)
    await world.begin()
    before, after = await world.verbs.cancel("me", runs)
    assert (before.state, after) == (State.RUNNING, None)


@ensureDeferred
async def test_a_job_is_abandoned_unless_another_front_waits_for_it(world: World) -> None:
    alone, _ = await submit(world)
    shared, _ = await submit(world)
    await world.others.attach("me", shared)
    assert [await world.verbs.abandon(id) for id in (alone, shared, "0-x-y")] == [True, False, False]
    assert (await world.verbs.look("me", alone)).state is State.CANCELLED
    assert (await world.verbs.look("me", shared)).state is State.QUEUED


@ensureDeferred
async def test_what_was_submitted_again_is_there_once(world: World) -> None:
    await arrive(world)
    known, new, ended = (Submission(world.verbs.mint(), a_job()) for _ in range(3))
    await world.verbs.submit(ended)
    await world.begin()
    await world.end()
    await world.verbs.submit(known)
    receipts = await world.verbs.submit_again([known, new, ended])
    assert [(receipt.id, receipt.new) for receipt in receipts] == [(s.id, True) for s in (known, new, ended)]
    assert [receipt.outcome is not None for receipt in receipts] == [False, False, True]
    clash = Submission(world.verbs.mint(), a_job(key="k", fingerprint="g"))
    await submit(world, key="k", fingerprint="f")
    assert isinstance((await world.verbs.submit_again([clash]))[0], KeyReused)


@ensureDeferred
async def test_many_are_attached_at_once_whoever_owns_them(world: World) -> None:
    one, _ = await submit(world, owner="somebody else")
    found = await world.verbs.attach_all([one, "0-x-y"])
    assert [getattr(known, "id", None) for known in found] == [one, None]
    assert await world.verbs.attach_all([]) == []


@ensureDeferred
async def test_the_catalogue_says_what_is_served_and_until_when(world: World) -> None:
    empty = await world.verbs.catalogue()
    assert empty.declared == {}
    await world.publish()
    served = await world.verbs.catalogue()
    assert served.version > empty.version
    assert served.declared.keys() == {"echo"}
    assert served.overdue["echo"] < 0


@ensureDeferred
async def test_collecting_an_outcome_that_nobody_follows_is_of_no_consequence(world: World) -> None:
    id, _ = await submit(world)
    await world.begin()
    await world.end()
    assert await world.verbs.collected(id) is False
