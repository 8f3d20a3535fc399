"""Limits, declared and learned, on a real server."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.task import deferLater

from relay.model.limits import Learned, Rate
from relay.model.state import State
from relay.store.messages import LimitDefinition, Report, Submission
from relay.store.roster import Roster
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_recovery import outcome, standing
from tests.store.test_store import Session, a_job, declared, submit


async def serve(store: Store, calls: int, window: float) -> None:
    await store.publish(Roster([declared("limited", limit=LimitDefinition("api", calls, window, ""))]))


@ensureDeferred
async def test_no_more_jobs_of_a_limit_start_than_it_allows_however_many_sessions_ask(
    front: Store, worker: Store
) -> None:
    await serve(worker, 5, 3600)
    ids = [await submit(front, lane="@api") for _ in range(8)]
    free = await submit(front)
    sessions = [await Session(worker, f"{name}.1").open() for name in "abc"]
    taken = [claim.id for session in sessions for claim in (await session.turn(4)).claims]
    assert sorted(taken) == sorted([*ids[:5], free])
    assert (await standing(front, ids[5])).state is State.QUEUED
    assert (await standing(front, ids[5])).position == 1
    turned = await sessions[0].turn(4)
    assert (turned.claims, turned.more) == ([], False)
    assert 3600 < turned.due < 3600 * 1.03


@ensureDeferred
async def test_each_value_of_a_limit_has_a_count_of_its_own(front: Store, worker: Store) -> None:
    await serve(worker, 1, 3600)
    mine, yours, _ = [await submit(front, lane=lane) for lane in ("@api me", "@api you", "@api me")]
    session = await Session(worker).open()
    assert {claim.id for claim in (await session.turn(9)).claims} == {mine, yours}


@ensureDeferred
async def test_a_lane_goes_on_when_its_window_has_passed(front: Store, worker: Store) -> None:
    from twisted.internet import reactor

    await serve(worker, 1, 0.05)
    ids = [await submit(front, lane="@api") for _ in range(3)]
    session = await Session(worker).open()
    taken: list[str] = []
    while len(taken) < 3:
        turned = await session.turn(9)
        taken += [claim.id for claim in turned.claims]
        await deferLater(reactor, max(0.0, turned.due))  # type: ignore[arg-type]
    assert taken == ids


@ensureDeferred
async def test_lanes_that_are_full_are_put_aside_some_at_a_time(
    redis: RedisProcess, make_store: MakeStore, worker: Store
) -> None:
    """One script opens a bounded number of them, and what is behind them is found by the next ones."""
    front = make_store("front", queue_limit=10_000)
    await serve(worker, 1, 3600)
    await front.sweep()
    for number in range(120):
        await front.submit(Submission(front.mint(), a_job(lane=f"@api {number}")))
        redis.client.zadd(f"{{r0}}:log:@api {number}", {"before": time.time() * 1000})
    free = await submit(front)
    session = await Session(worker).open()
    turns = [await session.turn(10) for _ in range(3)]
    assert [len(turned.claims) for turned in turns] == [0, 0, 1]
    assert [turned.more for turned in turns] == [True, True, False]
    assert turns[-1].claims[0].id == free
    assert redis.client.zcard("{r0}:shut") == 120


@ensureDeferred
async def test_short_windows_are_spread_and_long_ones_are_not(worker: Store) -> None:
    await worker.learn(["short", "long"], Learned(Rate(50, 1)))
    await worker.learn(["long"], Learned(Rate(50, 3600)))
    assert (await worker.grant("short", 99))[0] == 7  # a tenth, and two
    assert (await worker.grant("long", 99))[0] == 50


@ensureDeferred
async def test_what_was_learned_counts_for_calls_and_for_the_jobs_lane(front: Store, worker: Store) -> None:
    assert await worker.grant("graph.example", 3) == (-1, 0.0)
    await worker.learn(["graph.example", "@api"], Learned(pause=60))
    granted, wait = await worker.grant("graph.example", 3)
    assert granted == 0
    assert 59 < wait <= 60
    id = await submit(front, lane="@api")
    turned = await (await Session(worker).open()).turn(9)
    assert turned.claims == []
    assert 59 < turned.due <= 60
    assert (await standing(front, id)).attempts == 0


@ensureDeferred
async def test_what_somebody_elses_server_says_holds_for_a_day_at_most(
    redis: RedisProcess, worker: Store
) -> None:
    await worker.learn(["s"], Learned(Rate(1, 1e23), pause=1e20))
    assert 0 < redis.client.pttl("{r0}:allow:s") <= 86_400_000
    assert 86_000 < (await worker.grant("s", 1))[1] <= 86_400


@ensureDeferred
async def test_a_shorter_pause_does_not_end_a_longer_one(worker: Store) -> None:
    await worker.learn(["s"], Learned(pause=60))
    await worker.learn(["s"], Learned(pause=1))
    assert (await worker.grant("s", 1))[1] > 50


@ensureDeferred
async def test_a_limited_job_can_be_cancelled_and_nothing_is_left_of_it(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await serve(worker, 1, 3600)
    first, second = [await submit(front, lane="@api") for _ in range(2)]
    session = await Session(worker).open()
    await session.turn(9)
    await front.cancel("me", second)
    assert (await outcome(front, second)).state is State.CANCELLED
    await session.turn(9, Report(first, State.SUCCEEDED, "1"))
    left: Any = {key.decode() for key in redis.client.keys("{r0}:lane:*")}
    assert left == set()


@ensureDeferred
async def test_a_postponed_attempt_does_not_count(front: Store, worker: Store) -> None:
    id = await submit(front, attempts=2)
    session = await Session(worker).open()
    for _ in range(3):
        (claim,) = (await session.turn(1)).claims
        assert claim.attempt == 1
        await session.turn(0, Report(id, State.SCHEDULED, uncounted=True))


@ensureDeferred
async def test_what_was_learned_can_be_looked_at_and_forgotten(front: Store, worker: Store) -> None:
    assert await worker.learned() == {}
    await worker.learn(["graph.example", "@api"], Learned(Rate(200, 3600.0), pause=600))
    learned = await front.learned()
    assert learned.keys() == {"graph.example", "@api"}
    assert {said.rate for said in learned.values()} == {Rate(200, 3600.0)}
    assert all(590 < said.pause <= 600 for said in learned.values())
    assert await front.forget("graph.example")
    assert not await front.forget("graph.example")
    assert (await front.learned()).keys() == {"@api"}
    assert await worker.grant("graph.example", 3) == (-1, 0.0)


@ensureDeferred
async def test_jobs_of_a_lane_go_on_when_what_was_learned_is_forgotten(front: Store, worker: Store) -> None:
    await worker.learn(["@api me", "@api"], Learned(pause=600))
    mine, other = await submit(front, lane="@api me"), await submit(front, lane="@api")
    session = await Session(worker).open()
    assert (await session.turn(9)).claims == []
    assert await front.forget("@api me")
    turned = await session.turn(9)
    assert [claim.id for claim in turned.claims] == [mine]
    assert await front.forget("@api")
    assert [claim.id for claim in (await session.turn(9)).claims] == [other]


@pytest.mark.long
def test_an_operator_sees_and_forgets_from_a_shell(redis: RedisProcess) -> None:
    def learned(*words: str, url: str = redis.url) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "relay.learned", "--redis", url, *words]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout, ran.stderr.strip().splitlines()[-1] if ran.stderr else ""

    assert learned() == (0, "scope  rate  pause\n", "")
    epoch, until = redis.client.get("{r0}:epoch"), int((time.time() + 600) * 1000)
    assert epoch
    redis.client.hset("{r0}:allow:x.example", mapping={"calls": 5, "window": 60_000, "until": until})
    redis.client.zadd("{r0}:learned", {"x.example": until})
    status, told, _ = learned()
    assert (status, told.splitlines()[1].split()[:5]) == (0, ["x.example", "5", "in", "60", "s"])
    assert learned("--forget", "x.example") == (0, "", "")
    assert learned("--forget", "x.example") == (1, "", "relay: nothing was learned of x.example")
    assert learned(url="unix:///nowhere/redis.sock")[0] == 1
    assert learned(url="http://x")[0] == 2


@ensureDeferred
async def test_a_lane_that_is_empty_leaves_no_turns_of_its_owners(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    """Clients choose how many lanes there are, and so how much would be left of them."""
    await serve(worker, 50, 3600)
    taken = [await submit(front, lane=f"@api {n}", owner="sub:a", fair=True) for n in range(9)]
    cancelled = await submit(front, lane="@api 9", owner="sub:a", fair=True)
    assert len(redis.client.keys("*:fair:*")) == 10
    await front.cancel("sub:a", cancelled)
    session = await Session(worker).open()
    claims: set[str] = set()
    while len(claims) < len(taken):
        claims |= {claim.id for claim in (await session.turn(4)).claims}
        assert len(redis.client.keys("*:fair:*")) == len(taken) - len(claims)
    assert claims == set(taken)
