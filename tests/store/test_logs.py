"""What is kept in Redis of what jobs put out, and of who listens: as long as it is of use, and no longer."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from relay.model.problems.request import StoreFull
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.messages import Report, Submission
from relay.store.pieces import KEPT_BYTES
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_acts import erase
from tests.store.test_pieces import START, Session, begun, emit
from tests.store.test_store import a_job, submit

LARGE = '"' + (60 << 10) * "x" + '"'


def bytes_of_jobs(redis: RedisProcess) -> int:
    return int(redis.client.get("{r0}:bytes") or 0)


def left_of(redis: RedisProcess, id: str) -> dict[str, int]:
    """The keys of a job's log, with the seconds that they are kept; -1: for ever."""
    found = redis.client.keys(f"{{r0}}:*:{id}")
    return {key.decode().split(":")[1]: redis.client.ttl(key) for key in found if b"result" not in key}


async def fill(session: Session, id: str, first: int = 1) -> None:
    """Put out more than is kept."""
    for number in range(first, first + KEPT_BYTES // len(LARGE) + 2):
        await emit(session, id, LARGE, first=number)


@ensureDeferred
@pytest.mark.parametrize("end", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
async def test_a_log_is_kept_with_its_job_and_then_as_long_as_the_outcome(
    redis: RedisProcess, front: Store, worker: Store, end: State
) -> None:
    session, id = await begun(front, worker)
    before = bytes_of_jobs(redis)
    await front.listen("me", id, START)
    await emit(session, id, '"é"', "2")
    assert bytes_of_jobs(redis) == before + 5
    assert left_of(redis, id) == {"pieces": -1}
    await fill(session, id, first=3)
    kept = KEPT_BYTES // len(LARGE) * len(LARGE)
    assert bytes_of_jobs(redis) == before + kept
    assert left_of(redis, id) == {"pieces": -1, "cut": -1}
    other = await submit(front)
    await session.turn(0, Report(id, end, "1"))
    assert all(0 < ttl <= 60 for ttl in left_of(redis, id).values())
    assert left_of(redis, id).keys() == {"pieces", "cut"}
    for key in ("listen", "logged", "wait"):
        assert not redis.client.exists(f"{{r0}}:{key}")
    assert bytes_of_jobs(redis) == before  # of the other one
    assert await front.look("me", other)


@ensureDeferred
async def test_the_log_of_an_outcome_that_is_deleted_goes_with_it(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    session, id = await begun(front, worker)
    await fill(session, id)
    assert await front.delete([id], ended=True) == 0  # it lives
    assert left_of(redis, id) == {"pieces": -1, "cut": -1}
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    assert await front.delete([id], ended=True) == 1
    assert left_of(redis, id) == {}


@ensureDeferred
async def test_the_log_of_a_dead_job_goes_with_it(redis: RedisProcess, front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    await fill(session, id)
    await session.turn(0, Report(id, State.FAILED, "why", dead=True))
    assert await front.delete([id]) == 1
    assert left_of(redis, id) == {}


@ensureDeferred
async def test_logs_of_an_owner_are_erased(redis: RedisProcess, front: Store, worker: Store) -> None:
    session, mine = await begun(front, worker, owner="sub:me")
    other = await submit(front, owner="sub:you")
    lives = await submit(front, owner="sub:me")
    await session.turn()
    for id in (mine, other, lives):
        await fill(session, id)
    await session.turn(0, Report(mine, State.SUCCEEDED, "1"), Report(other, State.SUCCEEDED, "1"))
    await erase(front, "sub:me")
    assert left_of(redis, mine) == {}
    assert left_of(redis, other).keys() == left_of(redis, lives).keys() == {"pieces", "cut"}


@ensureDeferred
async def test_what_an_earlier_version_has_left_is_found(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    session, id = await begun(front, worker)
    lives = await submit(front)
    await session.turn()
    before = bytes_of_jobs(redis)
    await fill(session, id)
    await emit(session, lives, "1")
    for each in (id, lives):
        await front.listen("me", each, START)
    redis.client.hdel("{r0}:job", id)
    redis.client.hdel("{r0}:run", id)
    redis.client.delete("{r0}:swept")
    await front.sweep()
    assert bytes_of_jobs(redis) == before + 1
    assert all(0 < ttl <= 60 for ttl in left_of(redis, id).values())
    assert redis.client.hkeys("{r0}:listen") == redis.client.hkeys("{r0}:logged") == [lives.encode()]
    assert left_of(redis, lives) == {"pieces": -1}


@ensureDeferred
async def test_nothing_is_asked_about_jobs_where_nobody_listens_at_all(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    session, id = await begun(front, worker)

    async def asked(number: int) -> list[str]:
        with redis.client.monitor() as monitor:
            await emit(session, id, "1", "2", first=number)
            await session.turn(0, progress=((id, '{"fraction":1}'),))
            redis.client.echo("done")
            said = []
            for told in monitor.listen():
                if "done" in told["command"]:
                    return [word for word in said if "{r0}:listen" in word]
                said.append(told["command"])
        raise AssertionError

    assert await asked(1) == ["EXISTS {r0}:listen"] * 2
    await front.listen("me", id, START)
    assert len(await asked(3)) == 4


@ensureDeferred
async def test_a_piece_is_refused_while_there_is_no_memory(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    session, id = await begun(front, worker)
    redis.client.config_set("maxmemory", 1000)
    with pytest.raises(StoreFull):
        await emit(session, id, "1")
    assert not (await front.listen("me", id, START)).pieces
    redis.client.config_set("maxmemory", 0)
    await emit(session, id, "1")
    assert len((await front.listen("me", id, START)).pieces) == 1


@ensureDeferred
async def test_an_inbox_that_is_gone_is_told_nothing(
    redis: RedisProcess, front: Store, worker: Store, make_store: MakeStore
) -> None:
    session, id = await begun(front, worker)
    await make_store("gone").listen("me", id, START)
    await emit(session, id, "1")
    assert not redis.client.exists("{r0}:inbox:gone")


@ensureDeferred
async def test_a_durable_job_keeps_its_log_and_its_starts_until_its_end_is_told(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await front.sweep()
    id = (await front.submissions.add(Submission(front.mint(), a_job(durable=True)), 100)).id
    session = await Session(worker).open()
    await session.turn()
    await emit(session, id, "1")
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    heard = await front.listen("me", id, START)
    assert isinstance(heard.known, JobStatus)
    assert (heard.known.state, heard.known.starts, len(heard.pieces)) == (State.RUNNING, 1, 1)
    assert left_of(redis, id) == {"pieces": -1}
    assert await emit(session, id, "2", first=2) == [id]
    await front.partition.verb("announce", front._terms, id)
    assert 0 < left_of(redis, id)["pieces"] <= 60
    heard = await front.listen("me", id, START)
    assert isinstance(heard.known, Outcome)
    assert [piece.data for piece in heard.pieces] == ["1"]
