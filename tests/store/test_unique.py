"""Jobs that do what others ask for: those join, or are given the outcome."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults

from relay.model.limits import Rate
from relay.model.problems.caller import RateExceeded, TooManyQueued
from relay.model.problems.request import KeyReused, QueueFull
from relay.model.state import State
from relay.store.messages import Receipt, Report, Submission
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import Session, a_job, succeeded

DAY = 86_400.0
LATER = 10**9  # ms: never, as far as a test goes


def asked(store: Store, unique: str = "one", **changed: Any) -> Submission:
    limits = {
        field: changed.pop(field) for field in ("delay", "deadline", "rate", "debounce") if field in changed
    }
    caller = changed.get("caller", "")
    return Submission(store.mint(), a_job(unique=unique, **changed), caller=caller, **limits)


async def ask(store: Store, unique: str = "one", **changed: Any) -> Receipt:
    await store.sweep()
    return await store.submit(asked(store, unique, **changed))


# -- unique --


@ensureDeferred
async def test_one_that_asks_for_the_same_joins_the_job_while_it_waits_and_while_it_runs(
    front: Store, worker: Store
) -> None:
    first = await ask(front)
    assert first.new
    again = await ask(front)
    assert (again.id, again.new, again.outcome) == (first.id, False, None)
    session = await Session(worker).open()
    turned = await session.turn()
    assert [claim.id for claim in turned.claims] == [first.id]
    assert (await ask(front)).id == first.id
    other = await ask(front, "another")
    assert (other.new, other.id != first.id) == (True, True)
    await session.turn(0, *succeeded(turned))
    assert (await ask(front)).new


@ensureDeferred
async def test_those_that_ask_at_once_are_one_job(front: Store, worker: Store) -> None:
    await front.sweep()
    receipts = await gatherResults([front.submit(asked(front)) for _ in range(5)])
    assert len({receipt.id for receipt in receipts}) == 1
    assert [receipt.new for receipt in receipts] == [True, *[False] * 4]
    assert len((await (await Session(worker).open()).turn()).claims) == 1


@ensureDeferred
async def test_each_front_is_told_the_outcome(make_store: MakeStore, make_reader: Any, worker: Store) -> None:
    front, other = make_store("front"), make_store("other")
    id = (await ask(front)).id
    await ask(other, inbox="other")
    readers = [make_reader(name) for name in ("front", "other")]
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn()))
    assert [(await reader.next()).id for reader in readers] == [id, id]


@ensureDeferred
async def test_a_success_is_the_answer_for_as_long_as_it_is_fresh(front: Store, worker: Store) -> None:
    first = await ask(front, fresh=LATER)
    soon_stale = await ask(front, "two", fresh=1)
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn(), '"done"'))
    again = await ask(front, fresh=LATER)
    assert (again.id, again.new) == (first.id, False)
    assert again.outcome is not None
    assert again.outcome.payload == '"done"'
    another = [await ask(front, "two", fresh=1) for _ in range(5)][-1]  # a millisecond passes meanwhile
    assert another.id != soon_stale.id


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
@ensureDeferred
async def test_an_outcome_that_is_no_success_is_nobody_elses(
    front: Store, worker: Store, state: State
) -> None:
    first = await ask(front, fresh=LATER)
    session = await Session(worker).open()
    await session.turn()
    await session.turn(0, Report(first.id, state, "{}"))
    assert (await ask(front, fresh=LATER)).new


@ensureDeferred
async def test_an_attempt_that_failed_and_is_tried_again_is_still_joined(front: Store, worker: Store) -> None:
    first = await ask(front, attempts=2)
    session = await Session(worker).open()
    await session.turn()
    await session.turn(0, Report(first.id, State.SCHEDULED, delay=LATER))
    assert (await ask(front)).id == first.id


@ensureDeferred
async def test_a_key_finds_the_job_that_its_submission_joined(front: Store, worker: Store) -> None:
    first = await ask(front, key="k1", fingerprint="f")
    assert (await ask(front, key="k2", fingerprint="f")).id == first.id
    assert await front.find("k2") == first.id
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn()))
    for key in ("k1", "k2"):
        again = await ask(front, key=key, fingerprint="f")
        assert (again.id, again.outcome is not None) == (first.id, True)
        with pytest.raises(KeyReused):
            await ask(front, "something else", key=key, fingerprint="g")
    assert (await ask(front, key="k3", fingerprint="f")).new


@ensureDeferred
async def test_to_join_counts_for_a_rate_and_not_for_jobs_at_once(front: Store) -> None:
    rate = Rate(3, DAY)
    queued = {"caller": "few", "rate": rate}
    ids = {(await ask(front, **queued)).id for _ in range(3)}
    assert len(ids) == 1
    with pytest.raises(RateExceeded):
        await ask(front, key="k", fingerprint="f", **queued)
    assert (await ask(front, key="k", fingerprint="f")).id in ids  # what was refused left nothing behind


@ensureDeferred
async def test_to_join_needs_no_place_in_a_full_queue(make_store: MakeStore) -> None:
    front = make_store("front", queue_limit=1)
    first = await ask(front)
    with pytest.raises(QueueFull):
        await ask(front, "another")
    assert (await ask(front)).id == first.id


@ensureDeferred
async def test_one_whose_client_goes_away_goes_on_for_the_others(front: Store) -> None:
    id = (await ask(front)).id
    await ask(front, inbox="")
    assert not await front.abandon(id)
    assert (await front.look("me", id)).state is State.QUEUED
    await front.cancel("me", id)
    assert (await ask(front)).new


@ensureDeferred
async def test_one_that_was_forgotten_and_that_its_worker_has_is_joined_again(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    first = await ask(front)
    session = await Session(worker).open()
    (claim,) = (await session.turn()).claims
    for key in redis.client.keys("*"):
        if key not in (b"{r0}:epoch", b"{r0}:seq"):
            redis.client.delete(key)
    again = await Session(worker, "worker.2").open("worker.1", claim)
    assert again.adopted == {first.id}
    assert (await ask(front)).id == first.id


@ensureDeferred
async def test_one_that_was_sent_twice_is_one(front: Store) -> None:
    await front.sweep()
    submission = asked(front)
    await front.submit(submission)
    (receipt,) = await front.submit_again([submission])
    assert isinstance(receipt, Receipt)
    assert (receipt.id, receipt.new) == (submission.id, True)


@ensureDeferred
async def test_nothing_is_left_of_it(redis: RedisProcess, front: Store, worker: Store) -> None:
    await ask(front)
    assert redis.client.ttl("{r0}:one:one") == -1
    fresh = await ask(front, "fresh", fresh=60_000)
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn()))
    assert redis.client.keys("{r0}:one:*") == [b"{r0}:one:fresh"]
    assert 0 < redis.client.ttl("{r0}:one:fresh") <= 60
    assert (await ask(front, "fresh")).id == fresh.id


# -- debounce --


def held_back(arguments: str = "{}", **changed: Any) -> dict[str, Any]:
    return {"debounce": LATER, "delay": LATER, "arguments": arguments, **changed}


async def run(worker: Store, redis: RedisProcess) -> Any:
    """What is claimed once the time of all that is held back is over."""
    for id in redis.client.zrange("{r0}:delay", 0, -1):
        redis.client.zadd("{r0}:delay", {id: 1})
    return (await (await Session(worker).open()).turn()).claims


@ensureDeferred
async def test_of_those_that_come_while_one_is_held_back_the_last_counts(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    first = await ask(front, **held_back('{"n":1}', key="k1", fingerprint="f1", trace="t1"))
    assert first.new
    assert (await front.look("me", first.id)).state is State.SCHEDULED
    for n in (2, 3):
        again = await ask(front, **held_back(f'{{"n":{n}}}', key=f"k{n}", fingerprint=f"f{n}"))
        assert (again.id, again.new) == (first.id, False)
    (claim,) = await run(worker, redis)
    assert (claim.id, claim.job.arguments, claim.job.key) == (first.id, '{"n":3}', "k1")
    assert (await ask(front, **held_back('{"n":1}', key="k1", fingerprint="f1"))).id == first.id
    assert await front.find("k2") == await front.find("k3") == first.id


@ensureDeferred
async def test_it_is_claimed_with_the_last_arguments_when_its_time_is_over(
    front: Store, worker: Store
) -> None:
    session = await Session(worker).open()
    first = await ask(front, debounce=700, delay=700, arguments='{"n":1}')
    assert (await ask(front, debounce=700, delay=700, arguments='{"n":2}')).id == first.id
    began = await front.moment()
    while not (claims := (await session.turn()).claims):
        await front.sweep()
    assert [(claim.id, claim.job.arguments) for claim in claims] == [(first.id, '{"n":2}')]
    assert await front.moment() - began >= 600
    assert (await ask(front, debounce=700, delay=700)).new


@ensureDeferred
async def test_one_that_comes_when_it_runs_is_another_job(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    first = await ask(front, **held_back())
    (claim,) = await run(worker, redis)
    second = await ask(front, **held_back('{"n":2}'))
    assert second.new
    assert (await ask(front, **held_back('{"n":3}'))).id == second.id
    session = Session(worker)
    session.number, session.claimed = 2, {first.id: 2}
    await session.turn(0, Report(claim.id, State.SUCCEEDED, "1"))
    assert (await ask(front, **held_back('{"n":4}'))).id == second.id


@ensureDeferred
async def test_it_is_held_back_anew_but_not_for_ever(redis: RedisProcess, front: Store) -> None:
    times = []
    for _ in range(2):
        id = (await ask(front, debounce=10_000, delay=10_000)).id
        times.append(redis.client.zscore("{r0}:delay", id))
        redis.client.zincrby("{r0}:delay", -5000, id)  # as if time had passed
    assert times[1] >= times[0]
    kept = redis.client.hget("{r0}:job", id)
    created = int(kept[:13]) - 95_000  # as if it had been held back for long
    redis.client.hset("{r0}:job", id, b"%013d" % created + kept[13:])
    await ask(front, debounce=10_000, delay=10_000)
    assert redis.client.zscore("{r0}:delay", id) == created + 100_000


@ensureDeferred
async def test_one_whose_time_is_over_keeps_its_place_and_takes_the_last_arguments(
    front: Store, worker: Store
) -> None:
    first = await ask(front, debounce=LATER)
    second = await ask(front, "another", debounce=LATER)
    await ask(front, debounce=LATER, delay=LATER, arguments='{"n":2}', lane="@lane")
    session = await Session(worker).open()
    claims = (await session.turn()).claims
    assert [claim.id for claim in claims] == [first.id, second.id]
    assert claims[0].job.arguments == '{"n":2}'


@ensureDeferred
async def test_those_that_come_in_one_script_are_one_job_with_the_last_arguments(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await front.sweep()
    sent = [asked(front, **held_back(f'{{"n":{n}}}')) for n in range(4)]
    receipts = await gatherResults([front.submit(each) for each in sent])
    assert len({receipt.id for receipt in receipts}) == 1
    (claim,) = await run(worker, redis)
    assert claim.job.arguments == '{"n":3}'
    assert int(redis.client.get("{r0}:bytes")) == sum(map(len, redis.client.hvals("{r0}:job")))


@ensureDeferred
async def test_the_last_deadline_counts(redis: RedisProcess, front: Store) -> None:
    id = (await ask(front, **held_back(deadline=LATER))).id
    assert redis.client.zscore("{r0}:deadline", id) is not None
    await ask(front, **held_back())
    assert redis.client.zscore("{r0}:deadline", id) is None


@ensureDeferred
async def test_one_that_is_too_large_is_refused_and_changes_nothing(
    redis: RedisProcess, make_store: MakeStore, worker: Store
) -> None:
    front = make_store("front", queue_bytes=2000)
    await ask(front, **held_back('{"n":1}'))
    with pytest.raises(QueueFull):
        await ask(front, **held_back('{"n":"' + "x" * 3000 + '"}', key="k", fingerprint="f"))
    assert redis.client.keys("{r0}:idem:*") == []
    (claim,) = await run(worker, redis)
    assert claim.job.arguments == '{"n":1}'


@ensureDeferred
async def test_a_caller_has_one_job_however_often_it_asks(redis: RedisProcess, front: Store) -> None:
    for _ in range(3):
        await ask(front, **held_back(caller="few"))
    assert redis.client.hgetall("{r0}:alive") == {b"few": b"1"}
    other = asked(front, "another", **held_back(caller="few"))
    with pytest.raises(TooManyQueued):
        await front.submit(Submission(other.id, other.job, caller="few", queued=1))
