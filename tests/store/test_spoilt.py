"""Keys of one job that somebody has set by hand to something of another type: other jobs do not wait for that."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.messages import Report
from relay.store.pieces import Emitted, LogsSpoilt
from tests.store.conftest import MakeStore, Store
from tests.store.test_pieces import START, MakeReader, begun, data_after, emit
from tests.store.test_store import Session, submit


async def spoil(store: Store, *keys: str) -> None:
    """Make these something that relay has nowhere."""
    for key in keys:
        name = store.partition.keys.tag + key
        await store.partition.command("DEL", name)
        await store.partition.command("PFADD" if key.startswith("children") else "LPUSH", name, "by hand")


async def two_begun(front: Store, worker: Store) -> tuple[Session, str, str]:
    session, spoilt = await begun(front, worker)
    other = await submit(front)
    await session.turn()
    return session, spoilt, other


@ensureDeferred
@pytest.mark.parametrize("key", ["pieces", "cut"])
async def test_a_spoilt_log_is_its_job_s_trouble(front: Store, worker: Store, key: str) -> None:
    session, spoilt, other = await two_begun(front, worker)
    await spoil(front, f"{key}:{spoilt}")
    turns = session.claimed
    pieces = [
        *(Emitted(spoilt, turns[spoilt], 1, "1"), Emitted(spoilt, turns[spoilt], 2, "2")),
        *(Emitted("0-nobody-1", 2, 1, "0"), Emitted(other, turns[other], 1, "10")),
    ]
    if key == "pieces":
        with pytest.raises(LogsSpoilt) as raised:
            await worker.emit(session.name, pieces)
        assert (raised.value.ids, raised.value.refused) == ([spoilt], ["0-nobody-1"])
    else:
        await worker.emit(session.name, pieces)
    assert await data_after(front, other) == ["10"]
    heard = await front.listen("me", spoilt, START)
    assert isinstance(heard.known, JobStatus)
    assert (len(heard.pieces), heard.gap) == ((0, True) if key == "pieces" else (2, False))
    await session.turn(0, *(Report(id, State.SUCCEEDED, "1") for id in (spoilt, other)))
    for id in (spoilt, other):
        assert isinstance((await front.listen("me", id, START)).known, Outcome)


@ensureDeferred
async def test_a_process_whose_inbox_is_spoilt_keeps_nobody_from_their_mail(
    front: Store, worker: Store, make_store: MakeStore, make_reader: MakeReader
) -> None:
    session, id = await begun(front, worker)
    reader = make_reader("front")
    for store in (make_store("other"), front):
        await store.listen("me", id, START)
    await spoil(front, "inbox:other")
    await emit(session, id, "1")
    assert (await reader.next()).kind == "p"
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    assert (await reader.next()).kind == "o"


@ensureDeferred
async def test_a_spoilt_outcome_is_one_that_is_not_kept(front: Store, worker: Store) -> None:
    """Its job can't be looked at; those that are attached together with it can."""
    session, spoilt, other = await two_begun(front, worker)
    await session.turn(0, *(Report(id, State.SUCCEEDED, "1") for id in (spoilt, other)))
    await spoil(front, f"result:{spoilt}")
    known = await front.attach_all([spoilt, other])
    assert known[0] is None
    assert isinstance(known[1], Outcome)


@ensureDeferred
async def test_a_spoilt_key_stands_for_nothing(front: Store, worker: Store) -> None:
    await submit(front, key="spoilt", fingerprint="f")
    await spoil(front, "idem:spoilt")
    await submit(front, key="spoilt", fingerprint="f")
    assert (await front.totals()).jobs == 2


@ensureDeferred
async def test_a_job_ends_whose_parent_s_list_of_sub_jobs_is_spoilt(front: Store, worker: Store) -> None:
    session, parent = await begun(front, worker)
    child = await submit(front, parent=parent, depth=1)
    other = await submit(front)
    await session.turn()
    await spoil(front, f"children:{parent}")
    await session.turn(0, *(Report(id, State.SUCCEEDED, "1") for id in (child, other)))
    for id in (child, other):
        assert isinstance(await front.look("me", id), Outcome)
    await session.turn(0, Report(parent, State.FAILED, "{}"))
    assert isinstance(await front.look("me", parent), Outcome)
    await front.sweep()
    assert await front.partition.command("EXISTS", front.partition.keys.tag + "orphans") == 0


@ensureDeferred
async def test_a_job_ends_that_others_ask_for_by_a_key_that_is_spoilt(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker, unique="what", fresh=1000)
    await spoil(front, "one:what")
    await submit(front, unique="what", fresh=1000)
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    assert isinstance(await front.look("me", id), Outcome)
