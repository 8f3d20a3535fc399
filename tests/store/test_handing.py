"""New jobs that are handed to idle sessions, on a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from relay.model.job import Claim
from relay.model.limits import Rate
from relay.model.state import State
from relay.store.handing import HandedJob, read_handed
from relay.store.messages import Report, Submission
from relay.store.roster import Roster
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Reader, Store
from tests.store.test_store import Session, a_job, declared, roster, submit

MakeReader = Callable[[str], Reader]


async def idle(store: Store, name: str = "worker.1", want: int = 10) -> Session:
    """A session that waits for jobs, and takes those that it is handed."""
    session = await Session(store, name).open()
    assert (await session.turn(want, heard=0)).claims == []
    return session


async def handed(reader: Reader) -> HandedJob:
    message = await reader.next()
    assert message.kind == "j"
    return read_handed(message)


async def told(reader: Reader) -> str:
    return (await reader.next()).kind


def heard(session: Session, *claims: Claim) -> None:
    session.claimed |= {claim.id: session.number for claim in claims}


@ensureDeferred
async def test_a_job_is_handed_to_an_idle_session_and_runs_from_then_on(
    front: Store, worker: Store, make_reader: MakeReader
) -> None:
    session = await idle(worker)
    reader = make_reader("worker")
    id = await submit(front, arguments='{"é":"\\u0000"}')
    known: Any = await front.look("me", id)
    assert (known.state, known.attempts) == (State.RUNNING, 1)
    told = await handed(reader)
    assert (told.session, told.number) == ("worker.1", session.number)
    claim = told.claim
    assert (claim.id, claim.job, claim.attempt, claim.starts) == (
        id,
        a_job(arguments='{"é":"\\u0000"}'),
        1,
        1,
    )
    assert (claim.created, claim.started, claim.checkpoint) == (known.created, known.started, "")
    heard(session, claim)
    turned = await session.turn(10, Report(id, State.SUCCEEDED, "1"), heard=1)
    assert (turned.claims, turned.refused) == ([], [])
    ended: Any = await front.look("me", id)
    assert (ended.state, ended.attempts, ended.payload) == (State.SUCCEEDED, 1, "1")


@ensureDeferred
async def test_what_a_session_has_not_heard_of_is_claimed_by_its_next_turn(
    front: Store, worker: Store, redis: RedisProcess
) -> None:
    session = await idle(worker)
    id = await submit(front)
    redis.client.xtrim("{r0}:inbox:worker", maxlen=0)
    turned = await session.turn(10, heard=0)
    assert [claim.id for claim in turned.claims] == [id]
    again = await session.turn(10, number=session.number, heard=0)
    assert again.claims == turned.claims
    assert (await session.turn(10, Report(id, State.SUCCEEDED, "1"), heard=0)).refused == []


@ensureDeferred
async def test_an_end_that_names_the_turn_before_it_was_claimed_again_is_refused(
    front: Store, worker: Store
) -> None:
    session = await idle(worker)
    id = await submit(front)
    handed_by = session.number
    await session.turn(10, heard=0)
    session.claimed[id] = handed_by
    assert (await session.turn(10, Report(id, State.SUCCEEDED, "1"), heard=0)).refused == [id]


@ensureDeferred
async def test_a_turn_that_is_sent_again_tells_what_was_handed_since(front: Store, worker: Store) -> None:
    session = await idle(worker)
    id = await submit(front)
    again = await session.turn(10, number=session.number, heard=0)
    assert [claim.id for claim in again.claims] == [id]


@ensureDeferred
async def test_what_is_not_heard_of_takes_a_place_and_counts_as_held(front: Store, worker: Store) -> None:
    session = await idle(worker, want=1)
    first, second = [await submit(front) for _ in range(2)]
    turned = await session.turn(1, heard=0)
    assert [claim.id for claim in turned.claims] == [first]
    known: Any = await front.look("me", second)
    assert known.state is State.QUEUED


@ensureDeferred
async def test_a_session_is_handed_jobs_once_between_two_turns_and_is_idle_by_the_next(
    front: Store, worker: Store
) -> None:
    session = await idle(worker)
    first, second = [await submit(front) for _ in range(2)]
    states = [(await front.look("me", id)).state for id in (first, second)]  # type: ignore[union-attr]
    assert states == [State.RUNNING, State.QUEUED]
    heard(session, Claim(first, a_job(), 1, 0, 0))
    turned = await session.turn(10, heard=1)
    assert [claim.id for claim in turned.claims] == [second]
    third = await submit(front)
    assert (await front.look("me", third)).state is State.RUNNING  # type: ignore[union-attr]


@ensureDeferred
async def test_several_jobs_are_shared_by_idle_sessions_and_no_one_is_handed_more_than_it_has_places_for(
    front: Store, make_store: MakeStore, redis: RedisProcess
) -> None:
    await front.sweep()
    for name in ("one", "two"):
        await idle(make_store(name), f"{name}.1", want=3)
    await front.submissions.send([Submission(front.mint(), a_job()) for _ in range(10)], False)
    held = [redis.client.zcard(f"{{r0}}:held:{name}.1") for name in ("one", "two")]
    assert held == [3, 3]
    assert redis.client.zcard("{r0}:ready:echo") == 4


@ensureDeferred
async def test_a_session_that_holds_jobs_too_large_for_mail_is_woken_for_them(
    front: Store, worker: Store, make_reader: MakeReader
) -> None:
    await idle(worker)
    reader = make_reader("worker")
    id = await submit(front, arguments=f'"{"x" * 70_000}"')
    assert await told(reader) == "w"
    assert (await front.look("me", id)).state is State.QUEUED  # type: ignore[union-attr]


NOT_HANDED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a job with a deadline": ({}, {"deadline": 60_000}),
    "one that a limit holds back": ({"lane": "@limit"}, {}),
    "one of a caller with limits": ({"caller": "me"}, {"caller": "me", "rate": Rate(9, 9.0), "queued": 9}),
    "one that another may take the place of": ({"unique": "u"}, {"debounce": 60_000, "delay": 60_000}),
    "one that must not run twice": ({"once": True}, {}),
    "one that waits for its time": ({}, {"delay": 60_000}),
}


@ensureDeferred
@pytest.mark.parametrize("what", NOT_HANDED)
async def test_a_job_that_is_not_plain_is_asked_for(
    front: Store, worker: Store, redis: RedisProcess, what: str
) -> None:
    await idle(worker)
    job, beside = NOT_HANDED[what]
    await front.submit(Submission(front.mint(), a_job(**job), **beside))
    assert not redis.client.exists("{r0}:run", "{r0}:held:worker.1")


async def stop(front: Store, redis: RedisProcess) -> None:
    await front.stop_name("echo", True)


async def suspect(front: Store, redis: RedisProcess) -> None:
    redis.client.zadd("{r0}:suspects", {"echo": 1})


async def forget_the_inbox(front: Store, redis: RedisProcess) -> None:
    redis.client.delete("{r0}:inbox:worker")


async def spoil_the_inbox(front: Store, redis: RedisProcess) -> None:
    redis.client.delete("{r0}:inbox:worker")
    redis.client.set("{r0}:inbox:worker", "spoilt")


async def say_nothing_for_long(front: Store, redis: RedisProcess) -> None:
    (key,) = redis.client.scan_iter("{r0}:idle:*")
    redis.client.hset(key, "worker.1", f"10 {await front.moment()}")


async def serve_otherwise(front: Store, redis: RedisProcess) -> None:
    await front.publish(Roster([declared("echo", queue="other")]))


@ensureDeferred
@pytest.mark.parametrize(
    "happens", [stop, suspect, forget_the_inbox, spoil_the_inbox, say_nothing_for_long, serve_otherwise]
)
async def test_a_job_stands_in_line_where_nobody_can_be_handed_it(
    front: Store, worker: Store, redis: RedisProcess, happens: Any
) -> None:
    await worker.publish(roster("echo"))
    await idle(worker)
    await happens(front, redis)
    id = await submit(front)
    assert (await front.look("me", id)).state is State.QUEUED  # type: ignore[union-attr]
    assert not redis.client.exists("{r0}:run", "{r0}:held:worker.1")


@ensureDeferred
async def test_what_was_handed_to_a_session_that_ends_goes_back(front: Store, worker: Store) -> None:
    await idle(worker)
    ids = [await submit(front)]
    assert await worker.leave("worker.1") == ids
    assert (await front.look("me", ids[0])).state is State.QUEUED  # type: ignore[union-attr]


@ensureDeferred
async def test_a_session_in_place_of_one_goes_on_with_what_that_was_handed_and_has_heard_of(
    front: Store, worker: Store, make_reader: MakeReader
) -> None:
    await idle(worker)
    first = await submit(front)
    claim = (await handed(make_reader("worker"))).claim
    successor = await Session(worker, "worker.2").open("worker.1", claim)
    assert successor.adopted == {first}
    await successor.turn(10, heard=0)
    second = await submit(front)
    third = await Session(worker, "worker.3").open("worker.2", claim)
    assert third.adopted == {first}
    assert (await front.look("me", second)).state is State.QUEUED  # type: ignore[union-attr]


@ensureDeferred
async def test_a_calm_turn_keeps_a_session_ready_to_be_handed_jobs(
    front: Store, worker: Store, redis: RedisProcess
) -> None:
    session = await idle(worker)
    (key,) = redis.client.scan_iter("{r0}:idle:*")
    redis.client.hset(key, "worker.1", "10 0")
    await session.turn(10, heard=0)
    id = await submit(front)
    assert (await front.look("me", id)).state is State.RUNNING  # type: ignore[union-attr]


@ensureDeferred
async def test_a_job_that_was_handed_goes_back_to_its_place_to_the_last_digit(
    front: Store, worker: Store, redis: RedisProcess
) -> None:
    redis.client.set("{r0}:seq", 123_456_789)
    await idle(worker)
    first, second, third = [await submit(front, priority=90) for _ in range(3)]
    await worker.leave("worker.1")
    places = [redis.client.zscore("{r0}:ready:echo", id) for id in (first, second, third)]
    assert places[1] - places[0] == places[2] - places[1] > 0  # each submission takes as many numbers


@ensureDeferred
async def test_what_a_turn_that_is_sent_again_has_told_is_no_claim_of_the_next(
    front: Store, worker: Store
) -> None:
    session = await idle(worker)
    id = await submit(front)
    first = session.number
    assert [claim.id for claim in (await session.turn(number=first, heard=0)).claims] == [id]
    session.claimed[id] = first
    assert (await session.turn(heard=0)).claims == []
    session.claimed[id] = first
    assert (await session.turn(10, Report(id, State.SUCCEEDED, "1"), heard=0)).refused == []


@ensureDeferred
async def test_of_jobs_that_come_together_those_of_a_higher_priority_are_handed(
    front: Store, worker: Store
) -> None:
    await idle(worker, want=1)
    low, high = (Submission(front.mint(), a_job(priority=priority)) for priority in (0, 9))
    await front.submissions.send([low, high], False)
    states = [(await front.look("me", each.id)).state for each in (low, high)]  # type: ignore[union-attr]
    assert states == [State.QUEUED, State.RUNNING]
