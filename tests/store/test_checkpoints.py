"""What jobs leave for their next attempts, on a real server."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from relay.model.job import Claim
from relay.model.state import State
from relay.store.messages import Report, Turn
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import Session, submit


async def leave(session: Session, id: str, said: str, *ends: Report) -> None:
    session.number += 1
    said_ends = tuple((end, session.claimed[end.id]) for end in ends)
    turn = Turn(session.number, 0, said_ends, checkpoints=((id, session.claimed[id], said),))
    await session.store.turn(session.name, turn)


async def begun(front: Store, worker: Store, **changed: object) -> tuple[Session, Claim]:
    await submit(front, **changed)
    session = await Session(worker).open()
    (claim,) = (await session.turn()).claims
    return session, claim


@ensureDeferred
@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED])
async def test_the_next_attempt_is_given_the_last_one(front: Store, worker: Store, state: State) -> None:
    session, claim = await begun(front, worker)
    assert claim.checkpoint == ""
    await leave(session, claim.id, "1")
    await leave(session, claim.id, '"two"', Report(claim.id, state))
    del session.claimed[claim.id]
    (again,) = (await session.turn()).claims
    assert (again.id, again.checkpoint) == (claim.id, '"two"')
    assert (await session.turn(number=session.number)).claims == [again]  # its answer was lost


@ensureDeferred
@pytest.mark.parametrize("once", [False, True])
async def test_a_job_whose_worker_died_goes_on_from_it_even_if_it_is_once(
    front: Store, worker: Store, make_store: MakeStore, once: bool
) -> None:
    session, claim = await begun(front, worker, once=once)
    await leave(session, claim.id, "7")
    await front.reap("worker")
    other = await Session(make_store("other"), "other.1").open()
    (again,) = (await other.turn()).claims
    assert (again.id, again.checkpoint) == (claim.id, "7")


@ensureDeferred
async def test_only_the_holder_of_an_attempt_can_leave_one(
    front: Store, worker: Store, make_store: MakeStore
) -> None:
    session, claim = await begun(front, worker)
    other = await Session(make_store("other"), "other.1").open()
    other.claimed[claim.id] = session.claimed[claim.id]
    await leave(other, claim.id, '"foreign"')
    session.claimed[claim.id] += 7
    await leave(session, claim.id, '"of another turn"')
    await worker.leave(session.name)
    del other.claimed[claim.id]
    (again,) = (await other.turn()).claims
    assert again.checkpoint == ""


@ensureDeferred
@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
async def test_nothing_is_left_of_it_once_the_job_has_ended(
    front: Store, worker: Store, redis: RedisProcess, state: State
) -> None:
    session, claim = await begun(front, worker)
    before = int(redis.client.get("{r0}:bytes"))
    await leave(session, claim.id, '"1234567890"')
    assert int(redis.client.get("{r0}:bytes")) == before + 12
    await leave(session, claim.id, '"é"')
    assert int(redis.client.get("{r0}:bytes")) == before + 4
    await session.turn(0, Report(claim.id, state, "1"))
    assert int(redis.client.get("{r0}:bytes")) == 0
    assert not redis.client.exists("{r0}:checkpoint")
