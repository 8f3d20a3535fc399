"""A worker on a store of three partitions, on a real Redis. One of them can be cut off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from relay import Context, job
from relay.handlers.registry import Registry
from relay.model.settings import Settings
from relay.model.state import State
from relay.process.stores import Partitions, inboxes_of
from relay.redis.address import Address
from relay.redis.topology import OneServer, Server
from relay.store.fronts import RedisFrontStore
from relay.store.mail import Message
from relay.store.messages import Submission
from relay.store.router import Router
from relay.store.terms import terms_of
from relay.store.workers import RedisWorkerStore
from relay.worker.definitions import served
from relay.worker.tools import WorkerTools
from relay.worker.worker import Worker
from tests.processes import RedisProcess
from tests.store.test_store import a_job

PARTITIONS = 3
SETTINGS = Settings(partitions=PARTITIONS, concurrency=6, drain=1, lease=3)
running: dict[str, Deferred[int]] = {}
begun: list[str] = []
look: list[Callable[[], None]] = []  # called with each job that begins


@pytest.fixture(scope="module")
def redis_process(one_redis: RedisProcess) -> RedisProcess:
    """These tests are about one server."""
    return one_redis


@job
def lasting(context: Context) -> Deferred[int]:
    """Lasts until the test ends it."""
    begun.append(context.job_id)
    running[context.job_id] = lasts = Deferred[int]()
    look[0]()
    return lasts


@job
def quick() -> int:
    """Ends at once."""
    return 1


@job
async def parent(context: Context) -> Any:
    """Leaves something for its next attempt, and has another job do the work."""
    await context.checkpoint({"step": 1})
    return await context.submit(quick)


@job
async def emits(context: Context) -> int:
    """Puts out some pieces."""
    for number in range(1, 4):
        told = context.emit(number)
    await told
    return number


@job(every=1, internal=True)
def ticking(context: Context) -> None:
    """Is fired each second."""
    begun.append(context.job_id)
    look[0]()


class Wire(OneServer):
    """The way to one partition, which can be cut."""

    is_cut = False

    def connect(self, factory: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._refuse()) if self.is_cut else super().connect(factory)

    async def _refuse(self) -> None:
        Failure(ConnectionRefusedError()).raiseException()

    def cut(self) -> None:
        self.is_cut = True
        for drop in self.on_moved:
            drop("it is cut")


class Wires(OneServer):
    """A topology with a wire to each partition."""

    def __init__(self, reactor: Any, address: Address) -> None:
        super().__init__(reactor, address)
        self._made = lambda: Wire(reactor, address)
        self.wires: dict[str, Wire] = {}

    def server_of(self, key: str) -> Server:
        if key not in self.wires:
            self.wires[key] = self._made()
        return self.wires[key]

    def all(self) -> list[Wire]:
        """In the order of the partitions."""
        return list(self.wires.values())


class Site:
    """A worker, and a front that is never cut off."""

    def __init__(self, url: str, *more: Any) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        address, self.failures = Address.parse(url), list[str]()
        self.wires = Wires(reactor, address)
        router, self.front_router = self.router(self.wires), self.router(OneServer(reactor, address))
        self.store = store = RedisWorkerStore(router, "worker", terms_of(SETTINGS))
        upstreams = Mock(close=lambda: succeed(None))
        inbox = inboxes_of(reactor, router, "worker")
        tools = WorkerTools(reactor, store, inbox, upstreams, Mock(), Mock(), self.failures.append)
        self.worker = Worker(tools, Registry([lasting, quick, parent, emits, *more]), SETTINGS)
        self.front = RedisFrontStore(self.front_router, "front", terms_of(SETTINGS))
        self.inbox = inboxes_of(reactor, self.front_router, "front")(self.deliver)
        self.told: list[Message] = []
        self._awaited: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def router(self, topology: Any) -> Router:
        partitions = Partitions(self.reactor, topology, lambda why: self.failures.append(why))
        return Router(partitions.all(PARTITIONS, ""), topology)

    async def start(self) -> None:
        self.front.start()
        self.inbox.start()
        self.worker.startService()
        for number in range(PARTITIONS):
            await gatherResults(
                [Deferred.fromCoroutine(each.sweep(number)) for each in (self.front, self.store)]
            )
        await self.worker.ready

    async def stop(self) -> None:
        await self.worker.stopService()
        await gatherResults([self.inbox.stop(), self.front.stop()])

    def deliver(self, mail: list[Message], partition: int = 0) -> None:
        self.told += [message for message in mail if message.kind == "o"]
        self.look()

    def look(self) -> None:
        """Something has happened."""
        for is_so, awaited in list(self._awaited):
            if is_so() and not awaited.called:
                awaited.callback(None)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until this is so, told by what comes to the front, and by jobs that begin."""
        awaited: Deferred[None] = Deferred()
        self._awaited.append((is_so, awaited))
        self.look()
        await awaited.addTimeout(10, self.reactor)

    async def submit(self, partition: int, name: str, count: int = 1) -> list[str]:
        """Jobs of one partition; their ids."""
        mint = self.front_router.all()[partition].mint
        made = [Submission(mint(), a_job(name=name)) for _ in range(count)]
        return [receipt.id for receipt in await gatherResults([self.front.submit(each) for each in made])]

    def ended(self, *ids: str) -> bool:
        """Whether the front was told how these ended."""
        return {*ids} <= {message.id for message in self.told}


@pytest_twisted.async_yield_fixture
async def site(redis: RedisProcess, request: pytest.FixtureRequest) -> Any:
    running.clear()
    begun.clear()
    site = Site(redis.url, *getattr(request, "param", ()))
    look[:] = [site.look]
    await site.start()
    yield site
    await site.stop()
    assert site.failures == []


@ensureDeferred
async def test_jobs_of_all_partitions_run_side_by_side(site: Site) -> None:
    quick = [id for number in range(PARTITIONS) for id in await site.submit(number, "quick", 40)]
    await site.until(lambda: site.ended(*quick))
    assert len(site.told) == len(quick)


@ensureDeferred
async def test_partitions_have_the_same_part_of_the_places(site: Site) -> None:
    for number in range(PARTITIONS):
        await site.submit(number, "lasting", 8)
    for left in range(8 * PARTITIONS, 0, -1):
        await site.until(lambda: len(running) == min(SETTINGS.concurrency, left))  # noqa: B023
        id = next(iter(running))
        running.pop(id).callback(1)
        await site.until(lambda: site.ended(id))  # noqa: B023
    assert len(begun) == len({*begun}) == 8 * PARTITIONS
    assert min(Counter(id[0] for id in begun[:15]).values()) >= 3


@ensureDeferred
async def test_a_job_has_its_checkpoint_and_its_sub_jobs_where_it_is(site: Site) -> None:
    parents = [id for number in range(PARTITIONS) for id in await site.submit(number, "parent", 2)]
    await site.until(lambda: site.ended(*parents))
    outcomes = [await site.front.look("me", id) for id in parents]
    assert {(outcome.state, outcome.payload) for outcome in outcomes} == {(State.SUCCEEDED, "1")}


@ensureDeferred
async def test_a_job_puts_out_pieces_where_it_is(site: Site) -> None:
    jobs = [id for number in range(PARTITIONS) for id in await site.submit(number, "emits", 2)]
    await site.until(lambda: site.ended(*jobs))
    for id in jobs:
        heard = await site.front.listen("me", id, (0, 0))
        assert [(piece.place, piece.data) for piece in heard.pieces] == [((1, n), str(n)) for n in (1, 2, 3)]


@pytest.mark.long
@pytest.mark.parametrize("site", [[ticking]], indirect=True)
@ensureDeferred
async def test_a_schedule_is_looked_at_where_it_lives(site: Site) -> None:
    await site.until(lambda: len(begun) >= 2)
    (definition,) = [each for each in served(Registry([ticking])) if each.schedule is not None]
    assert {int(id[0]) for id in begun} == {site.store.home_of(definition)}


@ensureDeferred
async def test_a_partition_that_is_cut_off_stops_nothing_but_itself_and_comes_back(site: Site) -> None:
    (held,) = await site.submit(1, "lasting")
    await site.until(lambda: held in running)
    site.wires.all()[1].cut()
    (late,) = await site.submit(1, "quick")
    others = await site.submit(0, "quick", 30) + await site.submit(2, "quick", 30)
    running[held].callback(1)
    await site.until(lambda: site.ended(*others))
    assert not site.ended(held)
    assert not site.ended(late)
    site.wires.all()[1].is_cut = False
    await site.until(lambda: site.ended(held, late))
    assert begun == [held]
    assert (await site.front.look("me", held)).state is State.SUCCEEDED
