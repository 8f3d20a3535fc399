"""How many jobs of a lane run at once, and how many bytes all jobs may have, on a real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_twisted import ensureDeferred

from relay.model.job import JobTemplate
from relay.model.problems.request import QueueFull
from relay.model.state import State
from relay.store.messages import LimitDefinition, Report
from relay.store.roster import Roster
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import Session, declared, submit, succeeded

MOST = 3
ECHO = JobTemplate("echo", "default", 0, 1, False)


@pytest.fixture
def weighed(redis: RedisProcess) -> Callable[[], bool]:
    """Whether the bytes of all jobs are counted right."""

    def is_right() -> bool:
        counted = int(redis.client.get("{r0}:bytes") or 0)
        return counted == sum(map(len, redis.client.hvals("{r0}:job")))

    return is_right


async def serve(store: Store, most: int = MOST) -> None:
    await store.publish(Roster([declared("limited", limit=LimitDefinition("few", 0, 0, "", most))]))


async def sessions(worker: Store) -> list[Session]:
    return [await Session(worker, f"{name}.1").open() for name in "abc"]


@ensureDeferred
async def test_no_more_of_a_lane_run_at_once_than_it_allows_however_many_sessions_ask(
    front: Store, worker: Store
) -> None:
    await serve(worker)
    ids = [await submit(front, lane="@few") for _ in range(8)]
    free = await submit(front)
    asking = await sessions(worker)
    taken = [claim.id for session in asking for claim in (await session.turn(4)).claims]
    assert sorted(taken) == sorted([*ids[:MOST], free])


@pytest.mark.parametrize(
    "end",
    [
        lambda id: Report(id, State.SUCCEEDED, "1"),
        lambda id: Report(id, State.FAILED, '{"type":"x"}'),
        lambda id: Report(id, State.SCHEDULED, delay=10**9),
        lambda id: Report(id, State.SCHEDULED, delay=10**9, uncounted=True),
        lambda id: Report(id, State.CANCELLED),
    ],
)
@ensureDeferred
async def test_a_job_that_ends_makes_room_for_the_next_at_once(
    front: Store, worker: Store, end: Callable[[str], Report]
) -> None:
    await serve(worker)
    ids = [await submit(front, lane="@few", attempts=5) for _ in range(5)]
    session = await Session(worker).open()
    assert [claim.id for claim in (await session.turn()).claims] == ids[:MOST]
    assert (await session.turn()).claims == []
    assert [claim.id for claim in (await session.turn(10, end(ids[1]))).claims] == [ids[3]]
    assert (await session.turn()).claims == []


@ensureDeferred
async def test_what_is_given_back_or_lost_makes_room_too(front: Store, worker: Store) -> None:
    await serve(worker)
    ids = [await submit(front, lane="@few") for _ in range(4)]
    one = await Session(worker, "a.1").open()
    assert len((await one.turn()).claims) == MOST
    other = await Session(worker, "b.1").open()
    back = [Report(id, State.QUEUED) for id in ids[:2]]
    await one.turn(0, *back)
    assert [claim.id for claim in (await other.turn()).claims] == ids[:2]
    await worker.leave("b.1")
    await worker.leave("a.1")
    again = await Session(worker, "c.1").open()
    assert len((await again.turn()).claims) == MOST


@ensureDeferred
async def test_each_value_has_room_of_its_own(front: Store, worker: Store) -> None:
    await serve(worker, most=1)
    mine, yours, _ = [await submit(front, lane=lane) for lane in ("@few me", "@few you", "@few me")]
    session = await Session(worker).open()
    assert {claim.id for claim in (await session.turn(9)).claims} == {mine, yours}


@ensureDeferred
async def test_whoever_goes_on_under_another_session_keeps_its_room(front: Store, worker: Store) -> None:
    await serve(worker)
    for _ in range(5):
        await submit(front, lane="@few")
    session = await Session(worker, "a.1").open()
    claims = (await session.turn()).claims
    adopted = await Session(worker, "a.2").open("a.1", *claims)
    assert len(adopted.adopted) == MOST
    assert (await (await Session(worker, "b.1").open()).turn()).claims == []


@ensureDeferred
async def test_room_that_was_lost_is_found_again(redis: RedisProcess, front: Store, worker: Store) -> None:
    await serve(worker)
    redis.client.zadd("{r0}:busy:@few", dict.fromkeys(["gone", "lost", "away"], 0))
    await submit(front, lane="@few")
    assert len((await (await Session(worker).open()).turn()).claims) == 1


@ensureDeferred
async def test_the_queue_has_a_limit_of_bytes(
    redis: RedisProcess, make_store: MakeStore, worker: Store, weighed: Callable[[], bool]
) -> None:
    front = make_store("front", queue_bytes=10_000)
    large = '{"x":"%s"}' % ("x" * 4000)
    await submit(front, arguments=large)
    await submit(front, arguments=large)
    with pytest.raises(QueueFull):
        await submit(front, arguments=large)
    await submit(front)
    session = await Session(worker).open()
    await session.turn(10, *succeeded(await session.turn()))
    assert redis.client.get("{r0}:bytes") == b"0"
    await submit(front, arguments=large)
    assert weighed()


@ensureDeferred
async def test_bytes_are_counted_whatever_becomes_of_a_job(
    redis: RedisProcess, front: Store, worker: Store, weighed: Callable[[], bool]
) -> None:
    for arguments in ("{}", '{"x":1}', '{"x":"%s"}' % ("x" * 999)):
        await submit(front, inbox="", arguments=arguments, then=ECHO)
    session = await Session(worker).open()
    turned = await session.turn(2)
    assert weighed()
    await session.turn(2, *succeeded(turned))
    assert weighed()
    await front.sweep()
    waiting = [id.decode() for id in redis.client.hkeys("{r0}:job")]
    assert any(id.endswith("-then") for id in waiting)
    for id in waiting:
        await front.cancel("me", id)
    assert weighed()
    redis.client.incrby("{r0}:bytes", 77)
    redis.client.delete("{r0}:job")
    await front.sweep()
    assert redis.client.get("{r0}:bytes") is None


@ensureDeferred
async def test_a_suspect_counts_and_waits_for_its_turn_like_all(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await serve(worker, most=1)
    suspect = await submit(front, lane="@few", attempts=9)
    for name in "abc":  # deaths
        session = await Session(worker, f"{name}.1").open()
        assert [claim.id for claim in (await session.turn()).claims] == [suspect]
        await worker.reap(name)
    assert redis.client.zcard("{r0}:suspect:echo") == 1
    other = await submit(front, lane="@few")
    one = await Session(worker, "d.1").open()
    (claim,) = (await one.turn()).claims
    assert claim.id == suspect
    two = await Session(worker, "e.1").open()
    assert (await two.turn()).claims == []
    await one.turn(0, Report(suspect, State.SUCCEEDED, "1"))
    assert [claim.id for claim in (await two.turn()).claims] == [other]
