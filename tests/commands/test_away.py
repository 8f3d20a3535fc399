"""What commands do while one partition of a store is away: all that they reach, and they say what they did not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults

from relay.commands import (
    dead_command,
    erase_command,
    jobs_command,
    limits_command,
    queues_command,
    schedules,
)
from relay.commands.ending import Unreached
from relay.commands.main import parser_for, whole
from relay.model.job import Job
from relay.model.state import State
from relay.operations.seen import JobFilter
from relay.operations.store_operations import StoreOperations
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.topology import OneServer
from relay.store.fronts import RedisFrontStore
from relay.store.gathering import PartitionAway
from relay.store.keys import Keys
from relay.store.messages import Report, Submission
from relay.store.operators import RedisOperatorStore
from relay.store.partition import Partition
from relay.store.router import Router
from relay.store.terms import StoreSettings
from relay.store.workers import RedisWorkerStore
from tests.processes import RedisProcess, free_port
from tests.store.test_partitions import WorkerOfAll
from tests.store.test_store import a_job

NUMBER, AWAY = 3, 1
GONE = "1-aaaaaaaa-bbbbbbbbbbbbbbbb"  # an id of the partition that is away
TERMS = StoreSettings(60, 10, 1000)
ACTS: dict[str, Callable[..., Awaitable[Any]]] = {
    "cancel": jobs_command.cancel_jobs,
    "dead": dead_command.act,
    "queues": queues_command.act,
    "erase": erase_command.act,
    "limits": limits_command.act,
    "schedules": schedules.act,
}
SAID = f"partition {AWAY} of the store does not answer"


@pytest.fixture(scope="module")
def redis_process(one_redis: RedisProcess) -> RedisProcess:
    """These tests are about one server."""
    return one_redis


class Shop:
    """Three partitions on a real server, and the operator's way to the second one leads nowhere."""

    def __init__(self, url: str) -> None:
        self.whole = RedisOperatorStore(_router(url), TERMS)  # which is there for the test
        self.front = RedisFrontStore(_router(url), "front", TERMS)
        self.worker = RedisWorkerStore(_router(url), "w", TERMS)
        self.router = _router(url, f"redis://127.0.0.1:{free_port()}")
        self.store = RedisOperatorStore(self.router, TERMS)
        self.operator = StoreOperations(self.store)
        self.all = (self.whole, self.front, self.worker, self.store)
        for each in self.all:
            each.start()

    async def open(self) -> None:
        for number in range(NUMBER):
            await self.front.sweep(number)
        self.session = await WorkerOfAll(self.worker).open()

    async def submit(self, partitions: Iterable[int], delay: int = 0, **changed: Any) -> list[str]:
        """The ids of new jobs, one in each of these partitions."""
        pins = {self.router.of_key(pin).keys.partition: pin for pin in "abcdefghij"}
        ids = [self.front.mint(pins[number]) for number in partitions]
        for id in ids:
            await self.front.submit(Submission(id, _job(**changed), delay=delay))
        return ids

    async def die(self, *ids: str) -> None:
        """They fail for good."""
        assert {claim.id for claim in await self.session.turn(9)} == {*ids}
        await self.session.turn(0, *(Report(id, State.FAILED, "job-failed", dead=True) for id in ids))

    async def do(self, line: str) -> Any:
        """The status of a command."""
        words = whole(line.split())
        return await ACTS[words[0]](self.operator, None, parser_for(words).parse_args(words))

    async def state(self, id: str) -> str:
        """Of a job, whose partition may be the one that the operator does not reach."""
        return (await self.front.look("*", id)).state.value


def _job(**changed: Any) -> Job:
    return a_job(**{"owner": "me", **changed})


def _router(url: str, other: str = "") -> Router:
    from twisted.internet import reactor

    links = [other if other and number == AWAY else url for number in range(NUMBER)]
    return Router(
        [
            Partition(
                reactor, Connection(reactor, OneServer(reactor, Address.parse(at))), Keys(number, NUMBER)
            )
            for number, at in enumerate(links)
        ]
    )


@pytest_twisted.async_yield_fixture
async def shop(redis: RedisProcess) -> Any:
    made = Shop(redis.url)
    await made.open()
    yield made
    await gatherResults([each.stop() for each in made.all])


Captured = pytest.CaptureFixture[str]


@ensureDeferred
async def test_of_several_jobs_those_are_cancelled_that_can_be_reached(shop: Shop, capsys: Captured) -> None:
    first, gone, last = await shop.submit(range(NUMBER))
    assert await shop.do(f"cancel {gone} {GONE} {first} {last}") == 1
    assert capsys.readouterr().err.splitlines() == [
        f"relay: {gone}: {SAID}",
        f"relay: {GONE}: {SAID}",
        f"{first} is cancelled",
        f"{last} is cancelled",
    ]
    assert [await shop.state(id) for id in (first, gone, last)] == ["cancelled", "queued", "cancelled"]


@ensureDeferred
async def test_of_several_dead_jobs_those_are_acted_upon_that_can_be_reached(
    shop: Shop, capsys: Captured
) -> None:
    first, last = await shop.submit((0, 2))
    await shop.die(first, last)
    assert await shop.do(f"dead retry {GONE} {first}") == 1
    assert await shop.do(f"dead delete {GONE} {last}") == 1
    assert capsys.readouterr().err.splitlines() == [
        f"relay: {GONE}: {SAID}",
        f"{first} runs again",
        f"relay: {GONE}: {SAID}",
        f"{last} is deleted",
    ]


@pytest.mark.parametrize("action", ["retry", "delete"])
@ensureDeferred
async def test_all_dead_jobs_are_those_that_can_be_reached(shop: Shop, action: str, capsys: Captured) -> None:
    ids = await shop.submit(range(NUMBER))
    await shop.die(*ids)
    with pytest.raises(Unreached, match=SAID):
        await shop.do(f"dead {action} --all --yes")
    assert [dead.id for dead in await shop.whole.dead()] == [ids[AWAY]]
    assert "2 jobs" in capsys.readouterr().err


@ensureDeferred
async def test_a_queue_is_purged_of_all_that_can_be_reached(shop: Shop, capsys: Captured) -> None:
    waiting = await shop.submit(range(NUMBER))
    later = await shop.submit(range(NUMBER), delay=60_000)
    with pytest.raises(Unreached, match=SAID):
        await shop.do("queues purge default --yes --expect 10")
    assert [await shop.state(id) for id in waiting] == ["cancelled", "queued", "cancelled"]
    assert [await shop.state(id) for id in later] == ["cancelled", "scheduled", "cancelled"]
    assert "4 jobs cancelled" in capsys.readouterr().err


@ensureDeferred
async def test_an_owner_is_erased_wherever_it_can_be_reached_and_what_is_left_is_said(
    shop: Shop, capsys: Captured
) -> None:
    ids = await shop.submit(range(NUMBER))
    with pytest.raises(Unreached, match=SAID):
        await shop.do("erase --owner me --yes")
    assert "What relay can't reach" in capsys.readouterr().err
    left = (await StoreOperations(shop.whole).jobs(JobFilter(owner="me"))).jobs
    assert [(row.id, row.state) for row in left] == [(ids[AWAY], "queued")]


@ensureDeferred
async def test_what_is_asked_of_one_partition_says_which_it_is(shop: Shop) -> None:
    scope = next(name for name in "abcdefghij" if shop.router.of_scope(name).keys.partition == AWAY)
    for line in (f"limits forget {scope}", "schedules pause night"):
        with pytest.raises(PartitionAway, match=SAID):
            await shop.do(line)
    with pytest.raises(PartitionAway, match=SAID):
        await shop.operator.job(GONE)


@ensureDeferred
async def test_a_partition_that_goes_away_in_the_middle_is_told_and_the_others_go_on(shop: Shop) -> None:
    ids = await shop.submit((0, 2))
    await shop.die(*ids)
    delete = shop.store.delete

    async def away_once(ids: Any, *more: Any) -> int:
        if any(id.startswith("0-") for id in ids):
            raise PartitionAway(0)
        return await delete(ids, *more)

    shop.store.delete = away_once  # type: ignore[method-assign]
    with pytest.raises(Unreached, match="partitions 0, 1 of the store do not answer"):
        await shop.do("dead delete --all --yes")
    assert [dead.id for dead in await shop.store.dead()] == ids[:1]
