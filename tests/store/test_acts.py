"""What operators do to the jobs of the store, on a real server."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from relay.model.problems.request import NoSuchJob, QueueFull
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.mail import MailKind
from relay.store.messages import Report, Submission
from relay.store.operators import RedisOperatorStore
from relay.store.roster import Roster
from relay.store.router import Router
from relay.store.terms import StoreSettings
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Reader, Store
from tests.store.test_store import Session, a_job, declared, roster, submit


async def state(store: Store, id: str) -> State:
    found = await store.look("*", id)
    return found.state


async def bury(front: Store, session: Session, **changed: object) -> str:
    """A dead job."""
    id = await submit(front, **changed)
    assert [claim.id for claim in (await session.turn(1)).claims] == [id]
    await session.turn(0, Report(id, State.FAILED, "why", dead=True))
    return id


# -- jobs are cancelled --


@ensureDeferred
async def test_an_operator_cancels_a_job_whoever_owns_it(front: Store, worker: Store) -> None:
    waits, runs = await submit(front, owner="token:x"), await submit(front, owner="sub:y")
    operator = front._operator
    before, outcome = await operator.cancel(waits)
    assert isinstance(before, JobStatus)
    assert outcome is not None
    assert (before.state, outcome.state) == (State.QUEUED, State.CANCELLED)
    assert outcome.expires == outcome.finished + 60_000
    session = await Session(worker).open()
    assert [claim.id for claim in (await session.turn(5)).claims] == [runs]
    before, outcome = await operator.cancel(runs)
    assert isinstance(before, JobStatus)
    assert (before.state, outcome) == (State.RUNNING, None)
    await session.turn(0, Report(runs, State.CANCELLED))
    before, _ = await operator.cancel(runs)
    assert isinstance(before, Outcome)
    assert await operator.cancel(front.mint()) == (None, None)


@ensureDeferred
async def test_what_an_operator_cancels_is_kept_as_fronts_and_workers_have_agreed(
    redis: RedisProcess, front: Store
) -> None:
    id = await submit(front)
    operator = RedisOperatorStore(Router([front.partition]), StoreSettings(keep=0, lease=0, queue_limit=10))
    _, outcome = await operator.cancel(id)
    assert outcome is not None
    assert outcome.expires == outcome.finished + 60_000


@ensureDeferred
async def test_many_jobs_are_cancelled_at_once(front: Store, worker: Store) -> None:
    sent = [await submit(front) for _ in range(120)]
    assert await front.cancel_all([*sent, front.mint()]) == 120
    assert {await state(front, id) for id in sent} == {State.CANCELLED}
    assert (await front.totals()).jobs == 0
    assert await front.cancel_all(sent) == 0


@ensureDeferred
async def test_jobs_that_run_are_told_to_stop_and_take_their_sub_jobs_along(
    front: Store, worker: Store, make_reader: object
) -> None:
    parent = await submit(front)
    session = await Session(worker).open()
    await session.turn(1)
    child = front.mint()
    await front.submit(Submission(child, a_job(parent=parent, depth=1)))
    reader: Reader = make_reader("worker")  # type: ignore[operator]
    assert await front.cancel_all([parent]) == 1
    told = await reader.next()
    assert (told.kind, told.id) == (MailKind.CANCEL, parent)
    await session.turn(0, Report(parent, State.CANCELLED))
    assert (await state(front, parent), await state(front, child)) == (State.CANCELLED, State.CANCELLED)


# -- dead jobs --


@ensureDeferred
async def test_a_dead_job_is_brought_back_and_dead_no_more(front: Store, worker: Store) -> None:
    session = await Session(worker).open()
    id = await bury(front, session, arguments='{"a":2}', key="k", fingerprint="f")
    (dead,) = await front.dead()
    again = await front.bring_back(dead)
    assert again != id
    (claim,) = (await session.turn(1)).claims
    assert (claim.id, claim.job.arguments, claim.job.key) == (again, '{"a":2}', "")
    assert await front.dead() == []
    assert (await front.totals()).dead == 0
    with pytest.raises(LookupError):
        await front.bring_back(dead)
    assert await state(front, id) is State.FAILED


@ensureDeferred
async def test_a_dead_job_stays_dead_where_there_is_no_room_for_it(make_store: MakeStore) -> None:
    front, worker = make_store("front", queue_limit=1), make_store("worker", queue_limit=1)
    session = await Session(worker).open()
    await bury(front, session)
    (dead,) = await front.dead()
    other = await submit(front)
    with pytest.raises(QueueFull):
        await front.bring_back(dead)
    assert await front.dead() == [dead]
    await front.cancel("*", other)
    await front.bring_back(dead)
    assert await front.dead() == []


@ensureDeferred
async def test_arguments_that_were_not_kept_do_not_come_back(make_store: MakeStore) -> None:
    front, worker = make_store("front", dead_arguments=5), make_store("worker", dead_arguments=5)
    await bury(front, await Session(worker).open(), arguments='{"a":12345}')
    (dead,) = await front.dead()
    with pytest.raises(ValueError, match="too large to be kept"):
        await front.bring_back(dead)
    assert await front.dead() == [dead]


@ensureDeferred
async def test_dead_jobs_and_outcomes_are_deleted_and_jobs_that_live_are_not(
    front: Store, worker: Store
) -> None:
    session = await Session(worker).open()
    dead, kept = await bury(front, session), await bury(front, session)
    ended = await submit(front)
    await front.cancel("*", ended)
    lives = await submit(front)
    assert await front.delete([dead, ended, lives, front.mint()]) == 1
    with pytest.raises(NoSuchJob):
        await front.look("*", dead)
    assert [each.id for each in await front.dead()] == [kept]
    (tally,) = await front.tallies(["echo"])
    assert tally.dead == 1
    assert await state(front, ended) is State.CANCELLED
    assert await front.delete([ended, lives], dead=False, ended=True) == 1
    with pytest.raises(NoSuchJob):
        await front.look("*", ended)
    assert await state(front, lives) is State.QUEUED


@ensureDeferred
async def test_a_key_whose_outcome_was_deleted_is_free(front: Store, worker: Store) -> None:
    id = await submit(front, key="k", fingerprint="f")
    await front.cancel("*", id)
    assert await front.delete([id], ended=True) == 1
    again = await submit(front, key="k", fingerprint="other")
    assert again != id


# -- names and queues that are stopped --


@ensureDeferred
async def test_jobs_of_a_name_that_is_stopped_wait_and_others_go(front: Store, worker: Store) -> None:
    first, other = await submit(front), await submit(front, name="tell")
    assert await front.stop_name("echo", True)
    assert not await front.stop_name("echo", True)
    session = await Session(worker).open()
    turned = await session.turn(5)
    assert ([claim.id for claim in turned.claims], turned.more) == ([other], False)
    assert (await front.totals()).stopped.keys() == {"name echo"}
    assert await state(front, first) is State.QUEUED
    assert await front.stop_name("echo", False)
    assert not await front.stop_name("echo", False)
    assert [claim.id for claim in (await session.turn(5)).claims] == [first]
    assert (await front.totals()).stopped == {}


@ensureDeferred
async def test_a_job_that_runs_goes_on_and_is_tried_again_when_its_name_goes_on(
    front: Store, worker: Store
) -> None:
    id = await submit(front, attempts=2)
    session = await Session(worker).open()
    await session.turn(1)
    await front.stop_name("echo", True)
    await session.turn(5, Report(id, State.SCHEDULED))
    assert (await session.turn(5)).claims == []
    await front.stop_name("echo", False)
    (claim,) = (await session.turn(5)).claims
    assert (claim.id, claim.attempt) == (id, 2)


@ensureDeferred
async def test_a_queue_that_is_stopped_stops_names_that_come_later(front: Store, worker: Store) -> None:
    early = Roster([declared("echo", "slow"), declared("tell")])
    await worker.publish(early)
    assert await front.stop_queue("slow", True)
    later = Roster([declared("echo", "slow"), declared("tell"), declared("new", "slow")])
    await worker.publish(later)
    session = Session(worker)
    session.roster = later
    await session.open()
    held, free = await submit(front, queue="slow"), await submit(front, name="tell")
    new = await submit(front, name="new", queue="slow")
    assert [claim.id for claim in (await session.turn(5)).claims] == [free]
    await front.stop_queue("slow", False)
    assert [claim.id for claim in (await session.turn(5)).claims] == [held, new]


@ensureDeferred
async def test_a_session_that_found_nothing_is_woken_when_a_name_goes_on(
    front: Store, worker: Store, make_reader: object
) -> None:
    await worker.publish(roster("echo", "tell"))
    await front.stop_queue("default", True)
    id = await submit(front)
    session = await Session(worker).open()
    assert (await session.turn(5)).claims == []
    reader: Reader = make_reader("worker")  # type: ignore[operator]
    await front.stop_queue("default", False)
    assert (await reader.next()).kind == MailKind.WAKE
    assert [claim.id for claim in (await session.turn(5)).claims] == [id]


@ensureDeferred
async def test_a_suspect_of_a_name_that_is_stopped_is_not_tried(
    front: Store, worker: Store, make_reader: object
) -> None:
    await worker.publish(roster("echo", "tell"))
    id = await submit(front, attempts=5)
    for number in range(3):
        session = await Session(worker, f"worker.{number + 1}").open()
        assert [claim.id for claim in (await session.turn(1)).claims] == [id]
        await front.reap("worker")
    await front.stop_name("echo", True)
    session = await Session(worker, "worker.9").open()
    turned = await session.turn(5)
    assert (turned.claims, turned.alone) == ([], False)
    reader: Reader = make_reader("worker")  # type: ignore[operator]
    await front.stop_name("echo", False)
    assert (await reader.next()).kind == MailKind.WAKE
    turned = await session.turn(5)
    assert ([claim.id for claim in turned.claims], turned.alone) == ([id], True)


@ensureDeferred
async def test_what_is_stopped_stays_so_in_a_new_session_and_deadlines_pass(
    front: Store, worker: Store
) -> None:
    await front.sweep()
    await front.stop_name("echo", True)
    id = front.mint()
    await front.submit(Submission(id, a_job(), deadline=1))
    for number in range(1, 50):
        session = await Session(worker, f"worker.{number}").open()
        assert (await session.turn(5)).claims == []
        if await state(front, id) is State.EXPIRED:
            return
    raise AssertionError("it does not expire")


@ensureDeferred
async def test_a_name_without_stops_costs_one_command_a_turn(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    session = await Session(worker).open()
    await submit(front)
    before = redis.client.info("commandstats")
    await session.turn(1)
    after = redis.client.info("commandstats")
    asked = after["cmdstat_hgetall"]["calls"] - before.get("cmdstat_hgetall", {"calls": 0})["calls"]
    assert asked == 1
    await session.turn(1)  # where nothing waits, nothing is asked
    last = redis.client.info("commandstats")
    assert last["cmdstat_hgetall"]["calls"] == after["cmdstat_hgetall"]["calls"]


# -- workers are told --


@ensureDeferred
async def test_a_worker_is_told_and_nobody_else_can_be(
    front: Store, worker: Store, make_reader: object
) -> None:
    await front.sweep()
    await Session(worker).open()
    reader: Reader = make_reader("worker")  # type: ignore[operator]
    assert await front.tell("worker", MailKind.QUIET)
    assert await front.tell("worker", MailKind.GO_ON)
    assert [(await reader.next()).kind, (await reader.next()).kind] == [MailKind.QUIET, MailKind.GO_ON]
    assert not await front.tell("front", MailKind.QUIET)
    assert not await front.tell("nobody", MailKind.QUIET)


# -- an owner is erased --


async def erase(front: Store, owner: str) -> int:
    gone, cursor = 0, "first"
    while cursor:
        erased = await front.erase(owner, "" if cursor == "first" else cursor)
        gone, cursor = gone + erased.gone, erased.cursor
    return gone


@ensureDeferred
async def test_of_an_owner_that_is_erased_nothing_is_left(front: Store, worker: Store) -> None:
    mine = await submit(front, owner="sub:me", key="k", fingerprint="f", unique="u", fresh=10_000, fair=True)
    other = await submit(front, owner="sub:you", key="o", fingerprint="f", fair=True)
    lives = await submit(front, owner="sub:me", key="l", fingerprint="f")
    session = await Session(worker).open()
    assert len((await session.turn(2)).claims) == 2
    await session.turn(0, Report(mine, State.SUCCEEDED, "1"), Report(other, State.SUCCEEDED, "1"))
    assert await erase(front, "sub:me") >= 1
    with pytest.raises(NoSuchJob):
        await front.look("*", mine)
    assert await front.id_of_key("k") == ""
    assert await front.id_of_key("o") == other
    assert await front.id_of_key("l") == lives
    assert await state(front, other) is State.SUCCEEDED
    assert await erase(front, "sub:me") == 0


@ensureDeferred
async def test_no_key_of_redis_names_an_owner_that_was_erased(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    owner = "sub:someone"
    session = await Session(worker).open()
    sent = [await submit(front, owner=owner, fair=True, caller=owner, lane="@l") for _ in range(3)]
    turned = await session.turn(5)
    assert len(turned.claims) == 3
    await session.turn(
        0,
        Report(sent[0], State.SUCCEEDED, "1"),
        *[Report(id, State.FAILED, "why", dead=True) for id in sent[1:]],
    )
    assert any(owner.encode() in value for value in everything(redis))
    await front.delete(sent)
    await erase(front, owner)
    assert [value for value in everything(redis) if owner.encode() in value] == []


def everything(redis: RedisProcess) -> list[bytes]:
    """All keys, and all that they hold, inboxes aside."""
    found: list[bytes] = []
    for key in redis.client.scan_iter():
        found.append(key)
        if b"inbox:" not in key:
            found.append(redis.client.dump(key) or b"")
            kind = redis.client.type(key)
            if kind == b"zset":
                found += redis.client.zrange(key, 0, -1)
            elif kind == b"hash":
                found += [each for pair in redis.client.hgetall(key).items() for each in pair]
            elif kind == b"string":
                found.append(redis.client.get(key) or b"")
    return found
