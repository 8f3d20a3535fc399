"""Durable jobs on a real server that can prove nothing: none is added, and operators are told of ends that wait."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, fail

from relay.model.problems.request import NotDurable, StoreAway
from relay.model.state import State
from relay.operations.finding import BAD
from relay.operations.judging import judge
from relay.operations.operations import NotPossible
from relay.operations.seen import JobFilter
from relay.operations.store_operations import StoreOperations
from relay.store.messages import JobDefinition, Receipt, Report, Submission
from relay.store.roster import Roster
from relay.store.schedules import firing_job
from relay.store.submitters import SubmitterStore
from relay.telemetry.events import Events
from relay.worker.resending import Resending
from tests.processes import RedisProcess
from tests.store.conftest import Store
from tests.store.durable_scene import stores_at
from tests.store.test_durable import durable, end, put_in
from tests.store.test_schedules import MINUTE, TEXT, Firing, marks, publish, tick
from tests.store.test_store import a_job

WHY = "it keeps no append-only file"
_ALL = JobFilter()
PAY = cast(JobDefinition, msgspec.structs.replace(tick(), durable=True))


@pytest.fixture
def server(server: RedisProcess) -> RedisProcess:
    """It has no replica and no log of writes."""
    server.client.config_set("appendonly", "no")
    return server


@asynccontextmanager
async def store_at(server: RedisProcess) -> AsyncIterator[Store]:
    async with stores_at(f"unix://{server.socket}", "front") as (store,):
        await store.sweep()
        yield store


async def proves(server: RedisProcess, store: Store) -> None:
    """From now on the server writes to its disk at once, and the store has seen that."""
    server.client.config_set("appendonly", "yes")
    server.client.config_set("appendfsync", "always")
    server.client.client_kill_filter(_type="normal", skipme=True)
    while store.partition.durability.why_not:
        try:
            await store.sweep()
        except StoreAway:
            continue


class Heard(Events):
    def __init__(self) -> None:
        self.names: list[str] = []

    def not_provable(self, job: str) -> None:
        self.names.append(job)


@ensureDeferred
async def test_a_firing_stays_due_until_its_job_can_be_durable(server: RedisProcess) -> None:
    async with store_at(server) as store:
        heard = store.partition.events = Heard()
        await publish(store, PAY)
        assert await store.fire(Firing("tick", -1, MINUTE, TEXT))
        firing = Firing("tick", MINUTE, 2 * MINUTE, TEXT, MINUTE, firing_job(PAY, store.mint(), MINUTE))
        with pytest.raises(NotDurable, match=WHY):
            await store.fire(firing)
        _, (status,) = await store.schedules(marks(PAY))
        assert (status.due, (await store.totals()).jobs, heard.names) == (MINUTE, 0, ["tick"])
        await proves(server, store)
        assert await store.fire(firing)
        assert (await store.totals()).jobs == 1


@ensureDeferred
async def test_a_schedule_goes_on_where_nothing_is_fired_and_others_are_fired(server: RedisProcess) -> None:
    async with store_at(server) as store:
        await store.publish(Roster([PAY]))
        assert await store.fire(Firing("tick", -1, MINUTE, TEXT))
        assert await store.fire(Firing("tick", MINUTE, 2 * MINUTE, TEXT))
        job = firing_job(tick(), store.mint(), 2 * MINUTE)
        assert await store.fire(Firing("tick", 2 * MINUTE, 3 * MINUTE, TEXT, 2 * MINUTE, job))


@ensureDeferred
async def test_a_job_is_not_fired_by_hand(server: RedisProcess) -> None:
    async with store_at(server) as store:
        await publish(store, PAY)
        with pytest.raises(NotDurable, match=WHY):
            await store.fire_now("tick")
        with pytest.raises(
            NotPossible, match=f"has to be durable, and nothing can prove that it is: .*{WHY}"
        ):
            await operations(store).fire("tick")
        assert (await store.totals()).jobs == 0


@ensureDeferred
async def test_a_dead_job_stays_dead_and_others_are_brought_back(server: RedisProcess) -> None:
    async with store_at(server) as store:
        paid = await put_in(store)
        other = (await store.submit(Submission(store.mint(), a_job()))).id
        await end(store, *(Report(id, State.FAILED, "why", dead=True) for id in (paid, other)))
        assert await store.partition.verb("announce", "60000 1 1", paid) == [1]
        (dead,) = [each for each in await store.dead() if each.id == paid]
        for again in (store.bring_back, store.revive):
            with pytest.raises(NotDurable, match=WHY):
                await again(dead)
        with pytest.raises(
            NotPossible, match=f"has to be durable, and nothing can prove that it is: .*{WHY}"
        ):
            await operations(store).retry(paid)
        done = await operations(store).retry_some(_ALL)
        assert (done.done, done.looked_at, (await store.totals()).dead) == (1, 2, 1)


# -- sub-jobs --


@ensureDeferred
async def test_a_sub_job_is_refused_and_not_sent_again(server: RedisProcess) -> None:
    async with store_at(server) as store:
        heard = store.partition.events = Heard()
        resending = resent(store)
        with pytest.raises(NotDurable, match=WHY) as refused:
            await in_time(resending.submit(durable(store)))
        assert (refused.value.was_taken, (await store.totals()).jobs, heard.names) == (False, 0, ["echo"])


@ensureDeferred
async def test_a_sub_job_that_waits_for_the_store_is_refused_where_that_can_prove_nothing_and_others_go(
    server: RedisProcess,
) -> None:
    async with store_at(server) as store:
        resending = resent(Away(store))
        waiting = resending.submit(durable(store))
        other = resending.submit(Submission(store.mint(), a_job()))
        with pytest.raises(NotDurable, match=WHY):
            await in_time(waiting)
        assert (await in_time(other)).new
        assert (await store.totals()).jobs == 1


class Away:
    """A store that was away when it was first asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        return fail(StoreAway())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def in_time(waiting: Deferred[Receipt]) -> Deferred[Receipt]:
    from twisted.internet import reactor

    return waiting.addTimeout(5, cast(Any, reactor))


def resent(store: Any) -> Resending:
    from twisted.internet import reactor

    return Resending(cast(Any, reactor), cast(SubmitterStore, store))


# -- what operators see --


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
