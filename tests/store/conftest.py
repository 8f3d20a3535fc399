"""Stores on the real server, one for each process that a test plays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet.defer import gatherResults

from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.store.partition import Partition
from relay.store.store import Store
from relay.store.terms import Terms
from tests.processes import RedisProcess

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
