"""Commands find the partitions of a store, of which some may be away."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred

from relay.commands.at_store import opened_store, partitions_there
from relay.commands.ending import Unreached
from relay.model.problems.request import NotDurable, StoreAway
from relay.model.settings import Settings
from relay.redis.address import Address
from relay.store.partition import DEADLINE
from tests.processes import RedisProcess
from tests.store.durable_scene import stores_at
from tests.store.test_away import Scene, silent
from tests.store.test_not_provable import PAY
from tests.store.test_schedules import publish


def test_where_the_first_partition_is_away_there_are_as_many_as_the_operator_was_told() -> None:
    scene = Scene()
    scene.servers[0].refuses, scene.servers[0].answer = True, silent
    scene.servers[0].cut()
    found: list[int] = []
    Deferred.fromCoroutine(partitions_there(scene.router)).addCallback(found.append)
    scene.turn(DEADLINE + 0.1)
    assert found == [3]


@ensureDeferred
async def test_a_command_that_reached_some_partitions_says_which_it_did_not(redis: RedisProcess) -> None:
    from twisted.internet import reactor

    with pytest.raises(Unreached, match="partition 1 of the store does not answer; the others did"):
        async with opened_store(reactor, Address.parse(redis.url), Settings()):
            raise StoreAway("partition 1 of the store does not answer; the others did")


@pytest.mark.parametrize("durable", ["auto", "disk", "replica"])
@ensureDeferred
async def test_a_command_refuses_a_durable_job_only_where_relay_would(
    server: RedisProcess, durable: str
) -> None:
    from twisted.internet import reactor

    server.client.config_set("appendonly", "no")
    async with stores_at(f"unix://{server.socket}", "worker") as (worker,):
        await publish(worker, PAY)
        async with opened_store(reactor, Address.parse(server.url), Settings(durable=durable)) as store:
            if durable == "replica":  # it is away for a moment
                assert await store.fire_now("tick")
            else:
                with pytest.raises(NotDurable):
                    await store.fire_now("tick")
