"""What processes are told in their inboxes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_twisted import ensureDeferred

from relay.model.problems.request import NoSuchJob
from relay.model.state import State
from relay.model.status import Outcome
from relay.store.codec import read_outcome
from relay.store.mail import Message
from tests.store.conftest import MakeStore, Reader, Store
from tests.store.test_store import Session, submit, succeeded

MakeReader = Callable[[str], Reader]


def read(mail: Message) -> Outcome:
    assert mail.kind == "o"
    return read_outcome(mail.id, mail.data)


@ensureDeferred
async def test_whoever_waits_for_a_job_is_told_how_it_ended(
    make_store: MakeStore, make_reader: MakeReader, worker: Store
) -> None:
    fronts = [make_store("front"), make_store("other")]
    readers = [make_reader(store.inbox) for store in fronts]
    for store in fronts:
        await store.sweep()
    ids = [await submit(fronts[0], arguments='{"é":1}') for _ in range(2)]
    await fronts[1].attach("me", ids[0])
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn(), '{"é":2}'))
    told = [read(await readers[0].next()) for _ in ids]
    assert {outcome.id for outcome in told} == set(ids)
    assert told[0] == await fronts[0].look("me", told[0].id)
    assert read(await readers[1].next()).id == ids[0]


@ensureDeferred
async def test_what_was_told_before_an_inbox_is_read_is_read_once_and_in_order(
    front: Store, make_reader: MakeReader, worker: Store
) -> None:
    session = await Session(worker).open()
    ids = []
    for _ in range(3):
        ids.append(await submit(front))
        await session.turn(0, *succeeded(await session.turn()))
    reader = make_reader("front")
    assert [(await reader.next()).id for _ in ids] == ids
    last = await submit(front)
    await session.turn(0, *succeeded(await session.turn()))
    assert (await reader.next()).id == last


@ensureDeferred
async def test_a_large_outcome_is_told_of_and_fetched(
    front: Store, make_reader: MakeReader, worker: Store
) -> None:
    id = await submit(front)
    reader = make_reader("front")
    session = await Session(worker).open()
    payload = f'"{"x" * 5000}"'
    await session.turn(0, *succeeded(await session.turn(), payload))
    mail = await reader.next()
    assert (mail.kind, mail.id) == ("r", id)
    outcome = await front.fetch(id)
    assert outcome is not None
    assert outcome.payload == payload


@ensureDeferred
async def test_a_worker_is_woken_once_for_new_work_and_told_of_what_is_cancelled(
    front: Store, make_reader: MakeReader, worker: Store
) -> None:
    reader = make_reader("worker")
    session = await Session(worker).open()
    await session.turn()
    ids = [await submit(front) for _ in range(2)]
    await session.turn()
    await front.cancel("me", ids[1])
    told = [await reader.next() for _ in range(2)]
    assert [(mail.kind, mail.id) for mail in told] == [("w", "-"), ("c", ids[1])]


@ensureDeferred
async def test_a_job_is_abandoned_when_none_of_its_clients_is_left(
    make_store: MakeStore, make_reader: MakeReader, worker: Store
) -> None:
    fronts = [make_store("front"), make_store("other")]
    id = await submit(fronts[0])
    await fronts[1].sweep()
    await fronts[1].attach("me", id)
    assert not await fronts[0].abandon(id)
    await fronts[0].attach("me", id)  # it came back
    assert not await fronts[1].abandon(id)
    reader = make_reader("front")
    assert await fronts[0].abandon(id)
    assert read(await reader.next()).state is State.CANCELLED
    assert not await fronts[0].abandon(id)


@ensureDeferred
async def test_an_outcome_and_its_key_are_forgotten_after_they_were_kept(make_store: MakeStore) -> None:
    front, worker = make_store("front", keep=0.3), make_store("worker", keep=0.3)
    id = await submit(front, key="digest", fingerprint="f")
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn()))
    known = await front.look("me", id)
    assert isinstance(known, Outcome)
    assert await front.find("digest") == id
    while await front.moment() <= known.expires:
        pass
    assert await front.fetch(id) is None
    with pytest.raises(NoSuchJob):
        await front.look("me", id)
    with pytest.raises(NoSuchJob):
        await front.find("digest")
    assert await submit(front, key="digest", fingerprint="g") != id
