"""How many partitions a store has is learned from the first one, before anything is made in another."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults

from relay.commands.at_store import opened_store
from relay.commands.ending import Unreached
from relay.model.problems.request import StoreAway
from relay.model.settings import Settings
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.topology import OneServer
from relay.store.fronts import RedisFrontStore
from relay.store.keys import Keys
from relay.store.partition import Partition
from relay.store.router import Router
from relay.store.terms import StoreSettings
from tests.processes import RedisProcess

Make = Callable[[int], RedisFrontStore]


@pytest.fixture(scope="module")
def redis_process(one_redis: RedisProcess) -> RedisProcess:
    """These tests are about one server."""
    return one_redis


@pytest_twisted.async_yield_fixture
async def make(server: RedisProcess, redis: RedisProcess) -> Any:
    """Makes stores of so many partitions, of which the first is on `server`, and the others are on `redis`."""
    from twisted.internet import reactor

    made: list[RedisFrontStore] = []

    def make(number: int) -> RedisFrontStore:
        partitions = []
        for partition in range(number):
            address = Address.parse((redis if partition else server).url)
            link = Connection(reactor, OneServer(reactor, address))
            partitions.append(Partition(reactor, link, Keys(partition, number)))
        store = RedisFrontStore(Router(partitions), f"front{len(made)}", StoreSettings(60, 10, 1000))
        store.start()
        made.append(store)
        return store

    yield make
    server.signal(signal.SIGCONT)
    await gatherResults([store.stop() for store in made])


@pytest_twisted.async_fixture
async def learned(make: Make) -> RedisFrontStore:
    """A store of three partitions that has made all of them."""
    store = make(3)
    for number in range(3):
        await store.sweep(number)
    return store


@ensureDeferred
async def test_nothing_is_made_by_a_wrong_number_while_the_first_partition_is_away(
    learned: RedisFrontStore, make: Make, server: RedisProcess, redis: RedisProcess
) -> None:
    await learned.stop()
    inboxes = {Keys(number, 3).inbox(learned.inbox).encode() for number in range(3)}
    there = set(redis.client.keys("*")) - inboxes
    server.signal(signal.SIGSTOP)
    wrong = make(4)
    for number in range(1, 4):
        with pytest.raises(StoreAway):
            await wrong.sweep(number)
    server.signal(signal.SIGCONT)
    for number in range(4):
        with pytest.raises(StoreAway):
            await wrong.sweep(number)
    assert set(redis.client.keys("*")) - inboxes == there


@ensureDeferred
async def test_what_is_there_is_used_while_the_first_partition_is_away_and_the_rest_is_made_once_it_is_back(
    learned: RedisFrontStore, make: Make, server: RedisProcess, redis: RedisProcess
) -> None:
    await learned.stop()
    lost = Keys(2, 3)
    redis.client.delete(*redis.client.keys(f"{lost.tag}*"))
    server.signal(signal.SIGSTOP)
    second = make(3)
    await second.sweep(1)
    with pytest.raises(StoreAway):
        await second.sweep(2)
    assert redis.client.keys(f"{lost.tag}*") == []
    server.signal(signal.SIGCONT)
    await second.sweep(0)
    await second.sweep(2)
    assert redis.client.get(lost.layout) == b"2/3"


@ensureDeferred
async def test_who_has_learned_the_number_makes_a_partition_anew_that_was_lost(
    learned: RedisFrontStore, server: RedisProcess, redis: RedisProcess
) -> None:
    server.signal(signal.SIGSTOP)
    redis.client.flushall()
    for number in (1, 2):
        await learned.sweep(number)
        assert redis.client.get(Keys(number, 3).layout) == b"2/3"


@ensureDeferred
async def test_a_command_of_an_operator_who_need_not_know_the_number_makes_nothing(
    redis: RedisProcess,
) -> None:
    from twisted.internet import reactor

    for settings in (Settings(), Settings(partitions=3)):
        with pytest.raises(Unreached, match="no relay has used this store yet"):
            async with opened_store(reactor, Address.parse(redis.url), settings) as store:
                await store.totals()
    assert redis.client.keys("*") == []
