"""Durable jobs on a real server that can prove nothing: operators are told of ends that wait."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pytest_twisted import ensureDeferred

from relay.model.state import State
from relay.operations.finding import BAD
from relay.operations.judging import judge
from relay.operations.store_operations import StoreOperations
from relay.store.messages import Report
from tests.processes import RedisProcess
from tests.store.conftest import Store
from tests.store.durable_scene import stores_at
from tests.store.test_durable import end, put_in


@pytest.fixture
def server(server: RedisProcess) -> RedisProcess:
    """It has no replica and no log of writes."""
    server.client.config_set("appendonly", "no")
    return server


@asynccontextmanager
async def store_at(server: RedisProcess) -> AsyncIterator[Store]:
    async with stores_at(f"unix://{server.socket}", "front", seconds=1.5) as (store,):
        await store.sweep()
        yield store


def operations(store: Store) -> StoreOperations:
    return StoreOperations(store._operator)


@ensureDeferred
async def test_ends_that_wait_for_their_proof_are_told_to_operators_with_since_when(
    server: RedisProcess,
) -> None:
    async with store_at(server) as store:
        assert (await store.totals()).untold == 0
        ids = [await put_in(store) for _ in range(2)]
        await end(store, *(Report(id, State.SUCCEEDED, "7") for id in ids))
        first = await store.moment() - 25_000
        server.client.zadd("{r0}:untold", {ids[1]: first})
        totals = await store.totals()
        assert (totals.untold, totals.oldest_untold) == (2, first)
        seen = await operations(store).overview()
        (found,) = [finding for finding in judge(seen) if "nobody is told" in finding.what]
        assert (found.level, found.what[:50]) == (BAD, "2 durable jobs have ended, and nobody is told how:")
        assert re.search(r"the first for 2[5-9] s$", found.what)
        await store.partition.verb("announce", "60000 1 1", *ids)
        assert ((await store.totals()).untold, (await store.totals()).oldest_untold) == (0, 0)
