"""Turns of a worker that has further sessions, in other partitions: what it says of them, and what follows."""

from __future__ import annotations

from pytest_twisted import ensureDeferred

from relay.model.state import State
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.topology import OneServer
from relay.store.keys import Keys
from relay.store.messages import Report, Turn
from relay.store.partition import Partition
from relay.store.parts import RedisPart
from relay.store.shares import Shares
from relay.store.terms import StoreSettings
from tests.processes import RedisProcess
from tests.store.conftest import Store
from tests.store.test_recovery import submit_a_suspect
from tests.store.test_renewal import ROSTER, SESSION, ends_in
from tests.store.test_store import SERVES, Session, roster, submit, succeeded


@ensureDeferred
async def test_a_suspect_waits_until_the_other_sessions_of_its_worker_hold_nothing(
    front: Store, worker: Store
) -> None:
    suspect = await submit_a_suspect(front, worker)
    session = await Session(worker).open()
    for _ in range(2):
        turned = await session.turn(10, others=3)
        assert (turned.claims, turned.alone) == ([], True)
    turned = await session.turn(10)
    assert ([claim.id for claim in turned.claims], turned.alone) == ([suspect], True)


@ensureDeferred
async def test_who_may_not_be_alone_yet_only_says_that_it_wants_to_be(front: Store, worker: Store) -> None:
    """Even where others empty themselves: it holds nothing, and so is the first to be alone."""
    await submit(front)
    other = await Session(worker, "other.1").open()
    held = await other.turn(1)
    suspect = await submit_a_suspect(front, worker)
    assert (await other.turn(1)).alone
    session = await Session(worker).open()
    turned = await session.turn(10, others=-1)
    assert (turned.claims, turned.alone) == ([], True)
    turned = await session.turn(10, others=0)
    assert ([claim.id for claim in turned.claims], turned.alone) == ([suspect], True)
    await other.turn(0, *succeeded(held))


@ensureDeferred
async def test_who_has_no_place_for_a_suspect_lets_others_try_it(front: Store, worker: Store) -> None:
    suspect = await submit_a_suspect(front, worker)
    session = await Session(worker).open()
    assert (await session.turn(10, others=2)).alone
    assert not (await session.turn(0, others=2)).alone
    other = await Session(worker, "other.1").open()
    assert [claim.id for claim in (await other.turn(10)).claims] == [suspect]


@ensureDeferred
async def test_a_turn_that_is_sent_again_says_as_before_that_it_is_alone(front: Store, worker: Store) -> None:
    suspect = await submit_a_suspect(front, worker)
    session = await Session(worker).open()
    first = await session.turn(10)
    again = await session.turn(10, number=session.number)
    assert [claim.id for claim in again.claims] == [claim.id for claim in first.claims] == [suspect]
    assert (first.alone, again.alone) == (True, True)


@ensureDeferred
async def test_a_suspect_that_is_given_back_is_one_as_before(front: Store, worker: Store) -> None:
    suspect = await submit_a_suspect(front, worker)
    session = await Session(worker).open()
    await session.turn(10)
    await session.turn(0, Report(suspect, State.QUEUED))
    await submit(front)
    turned = await session.turn(10)
    assert ([claim.id for claim in turned.claims], turned.alone) == ([suspect], True)


@ensureDeferred
async def test_who_was_woken_without_a_place_is_told_what_waits_if_it_asks(
    front: Store, worker: Store
) -> None:
    session = await Session(worker).open()
    assert not (await session.turn(0, passes=True)).more
    await submit(front)
    assert not (await session.turn(0)).more
    assert (await session.turn(0, passes=True)).more


@ensureDeferred
async def test_who_was_woken_without_a_place_has_another_look(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    session, idle = await Session(worker).open(), f"{{r0}}:idle:{roster(*SERVES).digest}"
    await submit(front)
    redis.client.hset(idle, "worker.1", 10)
    redis.client.hset(idle, "other.1", 10)  # it did not find the job, which came later
    await session.turn(0)
    assert redis.client.hkeys(idle) == [b"other.1"]
    await session.turn(0, passes=True)
    assert redis.client.hkeys(idle) == []


@ensureDeferred
async def test_a_session_that_holds_nothing_is_known_for_longer_where_there_are_many_partitions(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    from twisted.internet import reactor

    id = await submit(front)
    terms, link = (
        StoreSettings(60, 10, 100),
        Connection(reactor, OneServer(reactor, Address.parse(redis.url))),
    )
    partitions = [worker.partition, *(Partition(reactor, link, Keys(number, 16)) for number in range(1, 16))]
    part = RedisPart(worker.partition, "worker", terms, Shares(partitions, terms))
    await part.adopt("", "worker.1", 1, ROSTER, [])
    assert 9 < ends_in(redis, "worker.1") <= 10
    await part.turn("worker.1", Turn(2, 0))
    assert 47 < ends_in(redis, "worker.1") <= 48
    await part.turn("worker.1", Turn(3, 1))
    assert 9 < ends_in(redis, "worker.1") <= 10
    await part.turn("worker.1", Turn(4, 0, holds=1))
    assert 9 < ends_in(redis, "worker.1") <= 10
    await part.turn("worker.1", Turn(5, 0, ((Report(id, State.SUCCEEDED, "1"), 3),)))
    assert 47 < ends_in(redis, "worker.1") <= 48
    assert redis.client.zcard(SESSION) == 1
