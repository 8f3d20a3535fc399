"""The job that is given an outcome which nobody collected, on a real server."""

from __future__ import annotations

import json

from pytest_twisted import ensureDeferred

from relay.model.job import Claim, JobTemplate
from relay.model.state import State
from relay.store.messages import Report
from tests.processes import RedisProcess
from tests.store.conftest import Store
from tests.store.test_recovery import outcome, standing
from tests.store.test_store import Session, submit, succeeded

TELL = JobTemplate("tell", "default", 5, 3, False)


async def followed(session: Session) -> Claim:
    """The one claim of the next turn."""
    (claim,) = (await session.turn()).claims
    return claim


@ensureDeferred
async def test_an_outcome_that_nobody_waits_for_is_handed_to_its_job_at_once(
    front: Store, worker: Store
) -> None:
    id = await submit(front, inbox="", then=TELL, trace="00-ab", key="digest", fingerprint="f")
    session = await Session(worker).open()
    ends = succeeded(await session.turn(), '{"é":"/\\n"}')
    assert (await session.turn(10, *ends)).due == 0
    claim = await followed(session)
    assert (claim.id, claim.job.name, claim.job.owner, claim.job.trace) == (
        f"{id}-then",
        "tell",
        "me",
        "00-ab",
    )
    assert (claim.job.priority, claim.job.attempts, claim.job.key, claim.job.then) == (5, 3, "", None)
    told = json.loads(claim.job.arguments)["outcome"]
    assert (told["id"], told["job"], told["state"], told["result"]) == (id, "echo", "succeeded", {"é": "/\n"})
    await session.turn(10, Report(claim.id, State.SUCCEEDED, "204"))
    assert (await outcome(front, f"{id}-then")).payload == "204"
    assert not (await outcome(front, f"{id}-then")).follows


@ensureDeferred
async def test_it_is_told_whom_to_notify(front: Store, worker: Store) -> None:
    await submit(front, inbox="", then=TELL, notify='a"é')
    session = await Session(worker).open()
    await session.turn(10, *succeeded(await session.turn()))
    claim = await followed(session)
    assert json.loads(claim.job.arguments)["notify"] == claim.job.notify == 'a"é'
    assert json.loads(claim.job.arguments)["outcome"]["state"] == "succeeded"


@ensureDeferred
async def test_one_that_somebody_waits_for_is_held_back_a_while(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front, then=TELL)
    session = await Session(worker).open()
    turned = await session.turn(10, *succeeded(await session.turn()))
    assert 9 < turned.due <= 10
    assert (await standing(front, f"{id}-then")).state is State.SCHEDULED
    assert (await outcome(front, id)).follows
    assert await front.collected(id)
    assert not await front.collected(id)
    assert not redis.client.exists("{r0}:job", "{r0}:delay")


@ensureDeferred
async def test_a_waiter_that_attached_counts_too(front: Store, worker: Store) -> None:
    id = await submit(front, inbox="", then=TELL)
    await front.attach("me", id)
    session = await Session(worker).open()
    assert (await session.turn(10, *succeeded(await session.turn()))).due > 9


@ensureDeferred
async def test_what_was_begun_is_not_taken_back(front: Store, worker: Store) -> None:
    id = await submit(front, inbox="", then=TELL)
    session = await Session(worker).open()
    await session.turn(10, *succeeded(await session.turn()))
    claim = await followed(session)
    assert not await front.collected(id)
    await session.turn(10, Report(claim.id, State.SCHEDULED, delay=60_000))
    assert not await front.collected(id)
    assert (await standing(front, claim.id)).attempts == 1


@ensureDeferred
async def test_failures_cancellations_and_what_expires_are_told_too(front: Store, worker: Store) -> None:
    session = await Session(worker).open()
    failed = await submit(front, inbox="", then=TELL)
    await session.turn(10, *(Report(c.id, State.FAILED, "job-failed") for c in (await session.turn()).claims))
    cancelled = await submit(front, inbox="", then=TELL, name="another")
    await front.cancel("me", cancelled)
    claims = {claim.id: json.loads(claim.job.arguments)["outcome"] for claim in (await session.turn()).claims}
    assert claims[f"{failed}-then"]["error"]["type"] == "/problems/job-failed"
    assert claims[f"{cancelled}-then"]["state"] == "cancelled"
