"""Stores on the real server, one for each process that a test plays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet.defer import gatherResults

from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.store.fronts import RedisFrontStore
from relay.store.operators import RedisOperatorStore
from relay.store.partition import Partition
from relay.store.router import Router
from relay.store.submissions import Submissions
from relay.store.terms import Terms
from relay.store.workers import RedisWorkerStore
from tests.processes import RedisProcess


class Store(RedisFrontStore, RedisWorkerStore):
    """The verbs of all roles: a process of a test plays each of them."""

    def __init__(self, partition: Partition, inbox: str, terms: Terms) -> None:
        router = Router([partition])
        super().__init__(router, inbox, terms)
        self.partition = partition
        operator = RedisOperatorStore(router, terms)
        self.reap, self.learned, self.forget = operator.reap, operator.learned, operator.forget
        self.dead, self.revive = operator.dead, operator.revive

    async def now(self) -> int:
        """The store's time, in milliseconds."""
        return (await self.partition.timed_verb("look", "me"))[0]

    @property
    def submissions(self) -> Submissions:
        return self._submissions[self.partition]


MakeStore = Callable[..., Store]


@pytest_twisted.async_yield_fixture
async def make_store(redis: RedisProcess) -> MakeStore:
    from twisted.internet import reactor

    address = Address.parse(redis.url)
    made: list[Store] = []

    def make(name: str, keep: float = 60, lease: float = 10, queue_limit: int = 1000, **dead: float) -> Store:
        partition = Partition(reactor, Connection(reactor, address.endpoint(reactor), address))
        store = Store(partition, name, Terms(keep, lease, queue_limit, **dead))
        store.start()
        made.append(store)
        return store

    yield make
    await gatherResults([store.stop() for store in made])


@pytest.fixture
def front(make_store: MakeStore) -> Store:
    return make_store("front")


@pytest.fixture
def worker(make_store: MakeStore) -> Store:
    return make_store("worker")
