"""Sub-jobs in the store: who is taken along when a parent ends, and what a retried parent finds; on a real server."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from relay.model.job import Claim
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.mail import MailKind
from relay.store.messages import Receipt, Report, Submission
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_recovery import outcome, standing
from tests.store.test_store import Session, a_job, submit, succeeded

LEFT = ("parents", "orphans", "job")
FAILED = (State.FAILED, State.CANCELLED, State.EXPIRED)


async def begun(front: Store, worker: Store, **changed: object) -> tuple[str, Session]:
    """A parent that runs."""
    id = await submit(front, **changed)
    session = await Session(worker).open()
    await session.turn(1)
    return id, session


async def add_child(
    store: Store, parent: str, key: str = "", depth: int = 1, delay: int = 0, **changed: object
) -> Receipt:
    job = a_job(parent=parent, depth=depth, key=key, fingerprint=key and "f", **changed)
    return await store.submit(Submission(store.mint(beside=parent or "0-x-y"), job, delay))


async def state_of(front: Store, id: str) -> State:
    known = await front.look("me", id)
    return known.state


@ensureDeferred
@pytest.mark.parametrize("end", FAILED)
async def test_sub_jobs_that_wait_end_with_their_parent_unless_it_succeeds(
    front: Store, worker: Store, end: State
) -> None:
    id, session = await begun(front, worker)
    queued, delayed = await add_child(worker, id), await add_child(worker, id, delay=60_000)
    turned = await session.turn(10, Report(id, end))
    assert turned.claims == []  # nor does one begin in the same turn
    assert [(await outcome(front, child.id)).state for child in (queued, delayed)] == [State.CANCELLED] * 2


@ensureDeferred
async def test_sub_jobs_of_a_parent_that_succeeded_go_on(front: Store, worker: Store) -> None:
    id, session = await begun(front, worker)
    child = await add_child(worker, id)
    (claim,) = (await session.turn(10, Report(id, State.SUCCEEDED, "1"))).claims
    assert (claim.id, claim.job.parent, claim.job.depth) == (child.id, id, 1)


@ensureDeferred
async def test_a_detached_one_goes_on(front: Store, worker: Store) -> None:
    id, session = await begun(front, worker)
    child = await add_child(worker, "", depth=1)
    assert [claim.id for claim in (await session.turn(10, Report(id, State.CANCELLED))).claims] == [child.id]


@ensureDeferred
async def test_a_sub_job_that_runs_is_asked_to_stop_and_ends_cancelled_if_it_is_given_back(
    front: Store, worker: Store, make_reader: object
) -> None:
    id, session = await begun(front, worker)
    child = await add_child(worker, id)
    await session.turn(10)
    mail = make_reader("worker")  # type: ignore[operator]
    await session.turn(0, Report(id, State.FAILED, "job-failed"))
    message = await mail.next()
    assert (message.kind, message.id) == (MailKind.CANCEL, child.id)
    await session.turn(0, Report(child.id, State.QUEUED))
    assert (await outcome(front, child.id)).state is State.CANCELLED


@ensureDeferred
async def test_a_cancellation_goes_down_all_levels(front: Store, worker: Store) -> None:
    id = await submit(front)
    child = await add_child(front, id)
    grandchild = await add_child(front, child.id, depth=2)
    assert (await front.cancel("me", id))[1] is not None
    for _ in range(2):
        await front.sweep()
    for each in (child.id, grandchild.id):
        assert (await outcome(front, each)).state is State.CANCELLED


@ensureDeferred
@pytest.mark.parametrize("back", [Report("", State.QUEUED), Report("", State.SCHEDULED, delay=60_000)])
async def test_a_parent_that_is_given_back_or_tried_again_leaves_its_sub_jobs(
    front: Store, worker: Store, back: Report
) -> None:
    id, session = await begun(front, worker)
    child = await add_child(worker, id)
    await session.turn(0, Report(id, back.state, delay=back.delay))
    await front.sweep()
    assert (await standing(front, child.id)).state is State.QUEUED


@ensureDeferred
async def test_a_parent_whose_worker_died_leaves_its_sub_jobs(front: Store, worker: Store) -> None:
    id, _ = await begun(front, worker)
    child = await add_child(worker, id)
    await front.reap("worker")
    await front.sweep()
    assert (await standing(front, id)).state is State.QUEUED
    assert (await standing(front, child.id)).state is State.QUEUED


@ensureDeferred
async def test_one_that_is_submitted_after_its_parent_was_cancelled_does_not_live_on(
    front: Store, worker: Store
) -> None:
    id, session = await begun(front, worker)
    await session.turn(0, Report(id, State.CANCELLED))
    child = await add_child(worker, id)
    await front.sweep()
    assert (await outcome(front, child.id)).state is State.CANCELLED


@ensureDeferred
async def test_a_live_sub_job_is_joined_and_one_that_succeeded_is_replayed(
    front: Store, worker: Store
) -> None:
    id, session = await begun(front, worker)
    first = await add_child(worker, id, key="k")
    joined = await add_child(worker, id, key="k")
    assert (joined.new, joined.id, joined.outcome) == (False, first.id, None)
    (claim,) = (await session.turn(10)).claims
    await session.turn(0, Report(claim.id, State.SUCCEEDED, "7"))
    replayed = await add_child(worker, id, key="k")
    assert replayed.id == first.id
    assert replayed.outcome is not None
    assert replayed.outcome.payload == "7"


@ensureDeferred
@pytest.mark.parametrize(
    "end",
    [Report("", State.CANCELLED), Report("", State.EXPIRED), Report("", State.FAILED, "{}", undone=True)],
)
async def test_one_that_was_cancelled_expired_or_may_succeed_is_submitted_anew(
    front: Store, worker: Store, end: Report
) -> None:
    id, session = await begun(front, worker)
    first = await add_child(worker, id, key="k")
    await session.turn(10)
    await session.turn(0, Report(first.id, end.state, end.payload, undone=end.undone))
    again = await add_child(worker, id, key="k")
    assert again.new
    assert again.id != first.id


@ensureDeferred
async def test_a_failure_that_is_final_is_replayed(front: Store, worker: Store) -> None:
    id, session = await begun(front, worker)
    first = await add_child(worker, id, key="k")
    await session.turn(10)
    await session.turn(0, Report(first.id, State.FAILED, "interrupted"))
    replayed = await add_child(worker, id, key="k")
    assert replayed.id == first.id
    assert replayed.outcome is not None
    assert replayed.outcome.payload == "interrupted"


@ensureDeferred
async def test_a_key_of_a_client_still_stands_for_a_job_that_failed(front: Store, worker: Store) -> None:
    id = await submit(front, key="k", fingerprint="f")
    session = await Session(worker).open()
    await session.turn(10)
    await session.turn(0, Report(id, State.FAILED, "job-failed"))
    receipt = await front.submit(Submission(front.mint(), a_job(key="k", fingerprint="f")))
    assert receipt.id == id


@ensureDeferred
async def test_a_sub_job_that_the_store_forgot_is_taken_along_when_its_worker_has_brought_it_back(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id, session = await begun(front, worker)
    child = await add_child(worker, id)
    held = (await session.turn(10)).claims
    job = held[0].job
    redis.client.hdel("{r0}:job", child.id)
    redis.client.hdel("{r0}:run", child.id)
    redis.client.delete("{r0}:parents", f"{{r0}}:children:{id}")
    parent = Claim(id, a_job(), 1, 1, 0)
    assert await front.look("me", id)
    session = await Session(worker, "worker.2").open("worker.1", parent, Claim(child.id, job, 1, 1, 0))
    assert session.adopted == {id, child.id}
    await session.turn(0, Report(id, State.CANCELLED))
    assert redis.client.hexists("{r0}:cancel", child.id)


@ensureDeferred
async def test_a_dead_one_that_is_run_again_is_nobodys_sub_job(front: Store, worker: Store) -> None:
    id, session = await begun(front, worker)
    child = await add_child(worker, id, attempts=2)
    await session.turn(10)
    await session.turn(
        0, Report(child.id, State.FAILED, "job-failed"), Report(id, State.FAILED, "job-failed")
    )
    (dead,) = await front.dead()
    again = await front.revive(dead)
    await front.sweep()
    (claim,) = (await session.turn(10)).claims
    assert (claim.id, claim.job.parent) == (again, "")


@ensureDeferred
async def test_nothing_is_left_of_them_when_all_have_ended(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    for end in (State.SUCCEEDED, State.FAILED):
        id, session = await begun(front, worker)
        child = await add_child(worker, id, key=f"k{end}")
        await session.turn(10, *succeeded(await session.turn(10)))
        await session.turn(10, Report(id, end, "1"))
        assert isinstance(await front.look("me", child.id), Outcome)
        assert not redis.client.exists(*(f"{{r0}}:{key}" for key in LEFT), f"{{r0}}:children:{id}")


@ensureDeferred
async def test_many_are_cancelled_a_few_at_a_time(
    redis: RedisProcess, make_store: MakeStore, worker: Store
) -> None:
    front = make_store("front", queue_limit=10_000)
    id, session = await begun(front, worker)
    children = [await add_child(front, id) for _ in range(230)]
    await session.turn(0, Report(id, State.CANCELLED))
    assert redis.client.zcard(f"{{r0}}:children:{id}") == 180
    await front.sweep()  # which goes on while there is more to do
    states = [await front.look("me", child.id) for child in children]
    assert not any(isinstance(known, JobStatus) for known in states)
