"""Stores on the real server, one for each process that a test plays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from relay.process.stores import Partitions
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.topology import Topology, topology_of
from relay.store.fronts import RedisFrontStore
from relay.store.inbox import RedisInbox
from relay.store.keys import Keys
from relay.store.mail import Message
from relay.store.operators import RedisOperatorStore
from relay.store.partition import Partition
from relay.store.router import Router
from relay.store.submissions import Submissions
from relay.store.terms import StoreSettings
from relay.store.workers import RedisWorkerStore
from tests.processes import RedisProcess


class Store(RedisFrontStore, RedisWorkerStore):
    """The verbs of all roles: a process of a test plays each of them."""

    def __init__(
        self, partition: Partition, inbox: str, terms: StoreSettings, topology: Topology | None = None
    ) -> None:
        router = Router([partition], topology)
        super().__init__(router, inbox, terms)
        self.partition = partition
        self._operator = RedisOperatorStore(router, terms)

    def __getattr__(self, name: str) -> Any:
        others = self.parts[0], self._operator
        return getattr(others[not hasattr(others[0], name)], name)

    async def moment(self) -> int:
        """The store's time, in milliseconds."""
        return (await self.partition.timed_verb("look", "me"))[0]

    @property
    def submissions(self) -> Submissions:
        return self._submissions[self.partition]


MakeStore = Callable[..., Store]


class Reader:
    """Reads an inbox, its beats aside. `turn` lets time pass."""

    def __init__(self, turn: Callable[[], object] = lambda: None) -> None:
        self._turn = turn
        self._read: list[Message] = []
        self._waiting: Deferred[None] = Deferred()

    def deliver(self, mail: list[Message]) -> None:
        self._read += [message for message in mail if message.kind != "h"]
        waiting, self._waiting = self._waiting, Deferred()
        waiting.callback(None)

    async def next(self) -> Message:
        """The next message that came, or comes."""
        from twisted.internet import reactor

        self._turn()
        while not self._read:
            waiting: Deferred[None] = Deferred()
            self._waiting.chainDeferred(waiting)
            await waiting.addTimeout(10, reactor)
        return self._read.pop(0)


@pytest_twisted.async_yield_fixture
async def make_store(redis: RedisProcess) -> MakeStore:
    from twisted.internet import reactor

    address = Address.parse(redis.url)
    made: list[Store] = []

    def make(name: str, keep: float = 60, lease: float = 10, queue_limit: int = 1000, **dead: float) -> Store:
        topology = topology_of(reactor, address)
        partition = Partition(reactor, Connection(reactor, topology.server_of(Keys().tag)))
        store = Store(partition, name, StoreSettings(keep, lease, queue_limit, **dead), topology)
        store.start()
        made.append(store)
        return store

    yield make
    await gatherResults([store.stop() for store in made])


PARTS = 3
MakeParted = Callable[..., Any]


@pytest_twisted.async_yield_fixture
async def make_parted(redis: RedisProcess) -> MakeParted:
    """Makes stores of a kind, each with three partitions."""
    from twisted.internet import reactor

    address, made = Address.parse(redis.url), []

    def make(kind: Any, name: str = "front", **terms: Any) -> Any:
        topology = topology_of(reactor, address)
        router = Router(Partitions(reactor, topology, pytest.fail).all(PARTS, ""), topology)
        settings = StoreSettings(**{"keep": 60, "lease": 10, "queue_limit": 1000, **terms})
        store = (
            kind(router, name=name, terms=settings)
            if kind is RedisOperatorStore
            else kind(router, name, settings)
        )
        store.start()
        made.append(store)
        return store

    yield make
    await gatherResults([store.stop() for store in made])


async def swept(store: Any) -> None:
    """Each partition of a store with several."""
    for number in range(PARTS):
        await store.sweep(number)


@pytest_twisted.async_yield_fixture
async def make_reader(redis: RedisProcess) -> Callable[[str], Reader]:
    from twisted.internet import reactor

    topology = topology_of(reactor, Address.parse(redis.url))
    topology.start()
    made: list[RedisInbox] = []

    def make(name: str) -> Reader:
        reader = Reader()
        link = Connection(reactor, topology.server_of(Keys().tag))
        made.append(RedisInbox(reactor, link, Keys().inbox(name), reader.deliver))
        made[-1].start()
        return reader

    yield make
    await gatherResults([inbox.stop() for inbox in made])
    await topology.stop()


@pytest.fixture
def front(make_store: MakeStore) -> Store:
    return make_store("front")


@pytest.fixture
def worker(make_store: MakeStore) -> Store:
    return make_store("worker")
