"""What callers may take: how many new jobs in a time, how many that live at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import DeferredList

from relay.model.job import JobTemplate
from relay.model.limits import Rate
from relay.model.problems.caller import RateExceeded, TooManyQueued
from relay.model.problems.request import KeyReused, NoSuchJob, QueueFull
from relay.model.state import State
from relay.store.keys import Keys
from relay.store.messages import Receipt, Report, Submission
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import Session, a_job, succeeded

DAY = 86_400.0
CALLER = "sub:bob  smith 3"
NONE = Rate()


def asked(
    store: Store, rate: Rate = NONE, queued: int = 0, caller: str = CALLER, **changed: Any
) -> Submission:
    job = a_job(**{"caller": caller if queued else "", **changed})
    return Submission(store.mint(), job, caller=caller, rate=rate, queued=queued)


async def told(store: Store, submissions: list[Submission]) -> list[Any]:
    """The receipt or the error of each; they are on their way together."""
    answers = await DeferredList([store.submit(each) for each in submissions], consumeErrors=True)
    return [answer if fired else answer.value for fired, answer in answers]  # type: ignore[attr-defined]


async def kinds(store: Store, submissions: list[Submission]) -> list[type]:
    return [type(answer) for answer in await told(store, submissions)]


def kept(redis: RedisProcess) -> set[str]:
    """All that there is, but for the count of writes."""
    return {key.decode() for key in redis.client.keys("*")} - {"{r0}:seq"}


# -- a rate --


@ensureDeferred
async def test_the_jobs_of_a_window_may_come_at_once_and_no_more(front: Store) -> None:
    await front.sweep()
    rate = Rate(20, DAY)
    answers = await told(front, [asked(front, rate) for _ in range(30)])
    assert [type(answer) for answer in answers] == [Receipt] * 20 + [RateExceeded] * 10
    assert DAY / 20 - 10 < answers[-1].wait <= DAY / 20
    assert 'RateLimit-Policy: "rate";q=20;w=86400' in answers[-1].head
    assert await kinds(front, [asked(front, rate, caller="token:other"), asked(front)]) == [Receipt] * 2


@ensureDeferred
async def test_another_one_may_come_when_it_was_said_and_not_before(front: Store) -> None:
    await front.sweep()
    rate = Rate(1, 0.5)
    before = await front.moment()
    accepted, refused = await told(front, [asked(front, rate) for _ in range(2)])
    assert isinstance(accepted, Receipt)
    assert 0 < refused.wait <= 0.5
    while (await kinds(front, [asked(front, rate)])) != [Receipt]:
        assert await front.moment() < before + 10_000
    assert await front.moment() >= before + refused.wait * 1000 * 0.9  # rounded by a tenth at the most


@ensureDeferred
async def test_what_is_refused_leaves_nothing_behind(redis: RedisProcess, make_store: MakeStore) -> None:
    front = make_store("front", queue_limit=2)
    await front.sweep()
    rate, free = Rate(1, DAY), Rate(9, DAY)
    await front.submit(asked(front, rate, key="first", fingerprint="f"))
    before = kept(redis)
    refused = [asked(front, rate, 5, key=key, fingerprint="f") for key in ("second", "third")]
    assert await kinds(front, refused) == [RateExceeded] * 2
    assert kept(redis) == before
    with pytest.raises(NoSuchJob):
        await front.find("second")
    await front.submit(asked(front))
    full = [asked(front, free, 5, caller="other") for _ in range(2)]
    before = kept(redis)
    assert await kinds(front, full) == [QueueFull] * 2
    assert kept(redis) == before


@ensureDeferred
async def test_a_rate_that_has_become_higher_holds_at_once(front: Store) -> None:
    await front.sweep()
    assert await kinds(front, [asked(front, Rate(1, DAY)) for _ in range(2)]) == [Receipt, RateExceeded]
    with pytest.raises(RateExceeded) as refused:
        await front.submit(asked(front, Rate(10, 1)))
    assert refused.value.wait <= 0.1


@ensureDeferred
async def test_the_number_of_a_rate_vanishes_by_itself(redis: RedisProcess, front: Store) -> None:
    await front.sweep()
    await told(front, [asked(front, Rate(3, 60)) for _ in range(2)])
    assert 39_000 < redis.client.pttl(f"{{r0}}:pace:{CALLER}") <= 40_000


@ensureDeferred
@pytest.mark.parametrize("calls", [3, 7, 999, 10_000])
async def test_all_jobs_of_a_window_are_accepted_however_many_scripts_they_come_in(
    redis: RedisProcess, make_store: MakeStore, calls: int
) -> None:
    front = make_store("front", queue_limit=100_000)
    rate, left = Rate(calls, DAY), min(calls, 300)
    await front.sweep()
    taken = (calls - left) / calls * DAY * 1000
    redis.client.set(f"{{r0}}:pace:{CALLER}", f"{await front.moment() + taken:.3f}")
    for _ in range(left):
        await front.submit(asked(front, rate))
    with pytest.raises(RateExceeded):
        await front.submit(asked(front, rate))


# -- jobs at once --


@ensureDeferred
async def test_no_more_jobs_of_a_caller_live_at_once_than_may(front: Store, worker: Store) -> None:
    await front.sweep()
    answers = await told(front, [asked(front, queued=5) for _ in range(8)])
    assert [type(answer) for answer in answers] == [Receipt] * 5 + [TooManyQueued] * 3
    assert 'RateLimit-Policy: "queued";q=5;qu="jobs"' in answers[-1].head
    assert await kinds(front, [asked(front, queued=5, caller="other"), asked(front)]) == [Receipt] * 2
    session = await Session(worker).open()
    turned = await session.turn(2)
    assert await kinds(front, [asked(front, queued=5)]) == [TooManyQueued]  # running ones live, too
    await session.turn(0, *succeeded(turned))
    assert await kinds(front, [asked(front, queued=5) for _ in range(3)]) == [Receipt] * 2 + [TooManyQueued]


@ensureDeferred
async def test_a_place_is_free_however_its_job_has_ended(front: Store, worker: Store) -> None:
    await front.sweep()

    async def is_free() -> bool:
        (answer,) = await told(front, [asked(front, queued=1)])
        if isinstance(answer, Receipt):
            await front.cancel("me", answer.id)
        return isinstance(answer, Receipt)

    session = await Session(worker).open()
    ends = [
        {"state": State.FAILED},
        {"state": State.FAILED, "undone": True},
        {"state": State.FAILED, "dead": True},
        {"state": State.CANCELLED},
    ]
    for end in ends:
        receipt = await front.submit(asked(front, queued=1))
        await session.turn(1)
        assert not await is_free()
        await session.turn(0, Report(receipt.id, payload="{}", **end))  # type: ignore[arg-type]
        assert await is_free()
    late = msgspec.structs.replace(asked(front, queued=1), deadline=1)
    await front.submit(late)
    while (await front.look("me", late.id)).state is not State.EXPIRED:
        await front.sweep()
    assert await is_free()


@ensureDeferred
async def test_delayed_and_retried_jobs_take_up_places(front: Store, worker: Store) -> None:
    await front.sweep()
    await front.submit(msgspec.structs.replace(asked(front, queued=2), delay=60_000))
    retried = await front.submit(asked(front, queued=2, attempts=3))
    session = await Session(worker).open()
    await session.turn(1)
    await session.turn(0, Report(retried.id, State.SCHEDULED, delay=60_000))
    assert await kinds(front, [asked(front, queued=2)]) == [TooManyQueued]
    await front.cancel("me", retried.id)
    assert await kinds(front, [asked(front, queued=2)]) == [Receipt]


@ensureDeferred
async def test_a_job_that_follows_takes_up_the_place_of_the_one_before(front: Store, worker: Store) -> None:
    await front.sweep()
    tell = JobTemplate("tell", "default", 0, 1, False)
    session = await Session(worker).open()
    first = await front.submit(asked(front, queued=1, then=tell))
    ends = succeeded(await session.turn())
    await session.turn(0, *ends)
    assert await kinds(front, [asked(front, queued=1)]) == [TooManyQueued]
    assert await front.collected(first.id)
    second = await front.submit(asked(front, queued=1, then=tell, inbox=""))
    ends = succeeded(await session.turn())
    await session.turn(0, *ends)
    (follower,) = (await session.turn()).claims
    assert (follower.id, follower.job.caller) == (f"{second.id}-then", CALLER)
    assert await kinds(front, [asked(front, queued=1)]) == [TooManyQueued]
    await session.turn(0, Report(follower.id, State.SUCCEEDED, "1"))
    assert await kinds(front, [asked(front, queued=1)]) == [Receipt]


# -- what was accepted before --


@ensureDeferred
async def test_a_key_that_is_known_is_no_new_job(front: Store) -> None:
    await front.sweep()
    limits: dict[str, Any] = {"rate": Rate(2, DAY), "queued": 2}
    known = [asked(front, **limits, key=key, fingerprint="f") for key in ("a", "b")]
    await told(front, known)
    again = [asked(front, **limits, key=key, fingerprint="f") for key in ("a", "b", "a")]
    assert [answer.id for answer in await told(front, again)] == [known[0].id, known[1].id, known[0].id]
    assert await kinds(front, [asked(front, **limits, key="a", fingerprint="other")]) == [KeyReused]
    assert await kinds(front, [asked(front, **limits, key="c", fingerprint="f")]) == [TooManyQueued]


@ensureDeferred
async def test_jobs_that_were_accepted_before_are_counted_and_not_refused(front: Store) -> None:
    await front.sweep()
    limits: dict[str, Any] = {"rate": Rate(2, DAY), "queued": 4}
    again = await front.submit_again([asked(front, **limits) for _ in range(5)])
    assert [type(answer) for answer in again] == [Receipt] * 5
    assert await kinds(front, [asked(front, **limits)]) == [TooManyQueued]
    for receipt in again[:2]:
        assert isinstance(receipt, Receipt)
        await front.cancel("me", receipt.id)
    assert await kinds(front, [asked(front, **limits), asked(front, Rate(2, DAY))]) == [Receipt] * 2
    assert await kinds(front, [asked(front, Rate(2, DAY))]) == [RateExceeded]


@ensureDeferred
async def test_of_a_batch_that_is_sent_again_what_is_known_is_answered_and_the_rest_is_limited(
    redis: RedisProcess, front: Store
) -> None:
    limits: dict[str, Any] = {"rate": Rate(3, DAY), "queued": 3}
    await front.sweep()
    first, second, third, fourth = [asked(front, **limits) for _ in range(4)]
    await front.submissions.send([first, second], False)
    answers = await front.submissions.send([first, second, third, fourth], True)
    assert [type(answer) for answer in answers] == [Receipt] * 3 + [TooManyQueued]
    assert redis.client.hgetall("{r0}:alive") == {CALLER.encode(): b"3"}


@ensureDeferred
async def test_a_dead_job_that_is_run_again_is_counted_and_not_refused(front: Store, worker: Store) -> None:
    await front.sweep()
    job = await front.submit(asked(front, queued=1))
    session = await Session(worker).open()
    await session.turn(1)
    await session.turn(0, Report(job.id, State.FAILED, "{}", dead=True))
    await front.submit(asked(front, queued=1))
    (dead,) = await front.dead()
    again = await front.revive(dead)
    assert await kinds(front, [asked(front, queued=2)]) == [TooManyQueued]
    await front.cancel("me", again)
    assert await kinds(front, [asked(front, queued=2)]) == [Receipt]


# -- what is counted --


@ensureDeferred
async def test_jobs_that_a_worker_goes_on_with_after_a_loss_are_counted(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await front.sweep()
    await told(front, [asked(front, queued=9) for _ in range(3)])
    session = await Session(worker).open()
    claims = (await session.turn(2)).claims
    redis.client.flushall()
    successor = await Session(worker, "worker.2").open("worker.1", *claims)
    assert successor.adopted == {claim.id for claim in claims}
    assert redis.client.hgetall("{r0}:alive") == {CALLER.encode(): b"2"}
    await successor.turn(0, *[Report(claim.id, State.SUCCEEDED, "1") for claim in claims])
    assert not redis.client.exists("{r0}:alive")


@ensureDeferred
async def test_a_script_counts_once_for_each_caller(redis: RedisProcess, front: Store, worker: Store) -> None:
    await front.sweep()
    session = await Session(worker).open()
    limits: dict[str, Any] = {"rate": Rate(100, DAY), "queued": 50}
    jobs = [asked(front, **limits, caller=caller) for caller in ("a", "b") for _ in range(10)]
    redis.client.config_resetstat()
    await front.submissions.send(jobs, False)
    assert _calls(redis) == {"hincrby": 2, "get": 4, "hget": 2, "set": 2}  # epoch and bytes are read, too
    turned = await session.turn(20)
    redis.client.config_resetstat()
    await session.turn(0, *succeeded(turned))
    assert _calls(redis)["hincrby"] == 2
    assert not redis.client.exists("{r0}:alive")


def _calls(redis: RedisProcess) -> dict[str, int]:
    known = redis.client.info("commandstats")
    found = {name: known.get(f"cmdstat_{name}") for name in ("hincrby", "get", "hget", "set")}
    return {name: said["calls"] for name, said in found.items() if said}


@ensureDeferred
async def test_a_record_from_before_callers_were_known_ends_as_any_other(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await front.sweep()
    receipt = await front.submit(Submission(front.mint(), a_job()))
    key = Keys().tag + "job"
    record = redis.client.hget(key, receipt.id)
    fields = msgspec.msgpack.decode(record[26:])
    redis.client.hset(key, receipt.id, record[:26] + msgspec.msgpack.encode(fields[:13]))
    session = await Session(worker).open()
    (claim,) = (await session.turn()).claims
    assert (claim.job.caller, claim.job.fair) == ("", False)
    await session.turn(0, Report(claim.id, State.SUCCEEDED, "1"))
    assert (await front.look("me", receipt.id)).state is State.SUCCEEDED
    assert not redis.client.exists("{r0}:alive")
