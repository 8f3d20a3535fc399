"""What running jobs put out, and who hears of that and of where they stand."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from pytest_twisted import ensureDeferred

from relay.model.problems.request import NoSuchJob
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.messages import MOST_PAST, Fenced, Report, Turn
from relay.store.pieces import KEPT_BYTES, MOST_KEPT, MOST_READ, READ_BYTES, Emitted, Piece
from relay.store.standings import read_news, read_pieces
from tests.store.conftest import MakeStore, Reader, Store
from tests.store.test_store import Session, submit, succeeded

MakeReader = Callable[[str], Reader]
START = (0, 0)


async def begun(front: Store, worker: Store, **changed: object) -> tuple[Session, str]:
    id = await submit(front, **changed)
    session = await Session(worker).open()
    assert id in {claim.id for claim in (await session.turn()).claims}
    return session, id


async def emit(session: Session, id: str, *data: str, first: int = 1) -> list[str]:
    pieces = [
        Emitted(id, session.claimed.get(id, 0), number, each) for number, each in enumerate(data, first)
    ]
    return await session.store.emit(session.name, pieces)


async def again(session: Session, id: str, state: State = State.SCHEDULED) -> None:
    """The job is started again."""
    await session.turn(0, Report(id, state))
    while id not in session.claimed:
        await session.turn()


async def say(session: Session, id: str, said: str) -> None:
    session.number += 1
    await session.store.turn(session.name, Turn(session.number, 0, progress=((id, said),), holds=1))


async def begun_unread(front: Store, worker: Store) -> tuple[Session, str]:
    """A job that has put out 160 large pieces, which were told to a front that reads nothing."""
    session, id = await begun(front, worker)
    await front.listen("me", id, START)
    large = f'"{"x" * 60_000}"'
    for call in range(40):
        await emit(session, id, *[large] * 4, first=1 + 4 * call)
    return session, id


async def data_after(front: Store, id: str, *place: int) -> list[str]:
    return [piece.data for piece in (await front.listen("me", id, place or START)).pieces]


# -- what is kept --


@ensureDeferred
async def test_what_a_job_puts_out_is_kept_in_order_with_its_place(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    assert await emit(session, id, '"é"', '{"a":null}') == []
    assert await emit(session, id, "3", first=3) == []
    heard = await front.listen("me", id, START)
    assert heard.pieces == [Piece(1, 1, 1, '"é"'), Piece(1, 2, 1, '{"a":null}'), Piece(1, 3, 1, "3")]
    assert (heard.more, heard.gap) == (False, False)
    assert isinstance(heard.known, JobStatus)
    assert (heard.known.state, heard.known.starts) == (State.RUNNING, 1)
    assert await data_after(front, id, 1, 2) == ["3"]
    assert await data_after(front, id, 1, 3) == await data_after(front, id, 1, 77) == []
    assert await data_after(front, id, 1 << 90, 1 << 90) == []


@ensureDeferred
async def test_what_is_sent_again_is_kept_once(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    await emit(session, id, "1", "2")
    await emit(session, id, "1", "2", "3")
    await emit(session, id, "2", first=2)
    assert await data_after(front, id) == ["1", "2", "3"]


@ensureDeferred
async def test_only_the_holder_of_a_job_is_heard(front: Store, worker: Store, make_store: MakeStore) -> None:
    session, id = await begun(front, worker)
    other = await Session(make_store("other"), "other.1").open()
    other.claimed[id] = session.claimed[id]
    assert await emit(other, id, "1") == [id]
    session.claimed[id] += 7
    assert await emit(session, id, "1") == [id]
    session.claimed[id] -= 7
    assert await data_after(front, id) == []
    assert await emit(session, "0-nobody-1", "1") == ["0-nobody-1"]
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    assert await emit(session, id, "1") == [id]
    await worker.leave(session.name)
    with pytest.raises(Fenced):
        await emit(session, id, "1")


@ensureDeferred
async def test_jobs_of_one_call_do_not_hinder_each_other(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    second = await submit(front)
    await session.turn()
    turns = session.claimed
    pieces = [
        Emitted(id, turns[id], 1, "1"),
        Emitted("0-nobody-1", 2, 1, "0"),
        Emitted(second, turns[second], 1, "10"),
        Emitted(id, turns[id], 2, "2"),
    ]
    assert await worker.emit(session.name, pieces) == ["0-nobody-1"]
    assert await data_after(front, id) == ["1", "2"]
    assert await data_after(front, second) == ["10"]


@ensureDeferred
@pytest.mark.parametrize("state", [State.SCHEDULED, State.QUEUED])
async def test_each_start_has_numbers_of_its_own(front: Store, worker: Store, state: State) -> None:
    session, id = await begun(front, worker)
    await emit(session, id, "1", "2")
    await again(session, id, state)
    await emit(session, id, "10")
    heard = await front.listen("me", id, (1, 1))
    attempt = 2 if state is State.SCHEDULED else 1
    assert heard.pieces == [Piece(1, 2, 1, "2"), Piece(2, 1, attempt, "10")]
    assert isinstance(heard.known, JobStatus)
    assert (heard.known.starts, heard.known.attempts, heard.gap) == (2, attempt, False)


@ensureDeferred
async def test_it_is_kept_with_the_outcome(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    await emit(session, id, "1", "2")
    await session.turn(0, Report(id, State.SUCCEEDED, '"3"'))
    heard = await front.listen("me", id, (1, 1))
    assert heard.known == await front.look("me", id)
    assert isinstance(heard.known, Outcome)
    assert [piece.data for piece in heard.pieces] == ["2"]
    await front.delete([id], ended=True)
    with pytest.raises(NoSuchJob):
        await front.listen("me", id, START)


@ensureDeferred
async def test_the_oldest_are_forgotten_where_there_are_too_many(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    for first in range(1, MOST_KEPT + 2 * MOST_READ, MOST_READ):
        await emit(session, id, *map(str, range(first, first + MOST_READ)), first=first)
    heard = await front.listen("me", id, START)
    assert (heard.gap, heard.more) == (True, True)
    numbers = [piece.number for piece in heard.pieces]
    assert numbers == [*range(2 * MOST_READ + 1, 3 * MOST_READ + 1)]
    for known in ((1, 2 * MOST_READ - 1), (1, 1)):
        assert (await front.listen("me", id, known)).gap
    for known in ((1, 2 * MOST_READ), (1, numbers[-1])):
        assert not (await front.listen("me", id, known)).gap
    last = await front.listen("me", id, (1, MOST_KEPT + MOST_READ))
    assert (len(last.pieces), last.more, last.gap) == (MOST_READ, False, False)


@ensureDeferred
async def test_the_oldest_are_forgotten_where_they_are_too_large(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    piece = '"' + (62 << 10) * "x" + '"'
    fit = KEPT_BYTES // len(piece)
    for number in range(1, fit + 3):
        await emit(session, id, piece, first=number)
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    heard = await front.listen("me", id, START)
    assert (heard.gap, heard.more) == (True, True)
    assert [piece.number for piece in heard.pieces] == [*range(3, 3 + READ_BYTES // len(piece))]


@ensureDeferred
async def test_that_all_of_an_earlier_start_is_forgotten_is_told(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    piece = '"' + (62 << 10) * "x" + '"'
    await emit(session, id, "1", "2")
    await again(session, id)
    for number in range(1, KEPT_BYTES // len(piece) + 1):
        await emit(session, id, piece, first=number)
    assert not (await front.listen("me", id, START)).gap
    await emit(session, id, '"' + (KEPT_BYTES % len(piece) - 2) * "y" + '"', first=number + 1)
    heard = await front.listen("me", id, START)
    assert (heard.pieces[0].place, heard.gap) == ((2, 1), True)
    assert not (await front.listen("me", id, (1, 2))).gap


@ensureDeferred
async def test_a_hole_ends_a_portion(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    await emit(session, id, "1", "2")
    await emit(session, id, "4", "5", first=4)  # the store has lost the third
    heard = await front.listen("me", id, START)
    assert ([piece.data for piece in heard.pieces], heard.more, heard.gap) == (["1", "2"], True, False)
    heard = await front.listen("me", id, (1, 2))
    assert ([piece.data for piece in heard.pieces], heard.more, heard.gap) == (["4", "5"], False, True)


# -- who hears of it --


@ensureDeferred
async def test_those_who_listen_are_told_of_pieces(
    make_store: MakeStore, make_reader: MakeReader, worker: Store
) -> None:
    fronts = [make_store(name) for name in ("front", "other", "third")]
    readers = [make_reader(store.inbox) for store in fronts]
    for store in fronts:
        await store.sweep()
    session, id = await begun(fronts[0], worker)
    for store in fronts[:2]:
        for _ in range(2):
            await store.listen("me", id, START)
    await fronts[2].attach("me", id)
    await emit(session, id, '"é"', "2")
    await emit(session, id, "2", "3", first=2)
    for reader in readers[:2]:
        mail = [await reader.next() for _ in range(2)]
        assert [(message.kind, message.id) for message in mail] == [("p", id)] * 2
        told = [read_pieces(message.data) for message in mail]
        assert told == [[Piece(1, 1, 1, '"é"'), Piece(1, 2, 1, "2")], [Piece(1, 3, 1, "3")]]
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    for reader in readers:
        assert (await reader.next()).kind == "o"


@ensureDeferred
async def test_who_listens_no_more_hears_the_end_only(
    front: Store, make_store: MakeStore, make_reader: MakeReader, worker: Store
) -> None:
    other = make_store("other")
    await other.sweep()
    session, id = await begun(front, worker)
    reader, others = make_reader("front"), make_reader("other")
    await front.listen("me", id, START)
    await other.listen("me", id, START)
    await front.mute(id)
    await front.mute(id)
    await front.mute("0-nobody-1")
    await emit(session, id, "1")
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    assert (await reader.next()).kind == "o"
    assert [(await others.next()).kind for _ in range(2)] == ["p", "o"]


@ensureDeferred
async def test_those_who_listen_are_told_where_a_job_stands(
    front: Store, make_reader: MakeReader, worker: Store
) -> None:
    id = await submit(front)
    reader = make_reader("front")
    heard = await front.listen("me", id, START)
    assert heard.known == await front.look("me", id)  # never started
    session = await Session(worker).open()
    await session.turn()

    async def news() -> JobStatus:
        mail = await reader.next()
        assert (mail.kind, mail.id) == ("n", id)
        status = read_news(id, mail.data)
        known = await front.look("me", id)
        assert isinstance(known, JobStatus)
        assert msgspec.structs.replace(status, starts=0) == known
        return status

    running = await news()
    assert (running.state, running.starts, running.attempts) == (State.RUNNING, 1, 1)
    await say(session, id, '{"fraction":0.5,"message":"é","number":1}')
    assert (await news()).progress == '{"fraction":0.5,"message":"é","number":1}'
    await session.turn(0, Report(id, State.SCHEDULED, delay=60_000))
    put_off = await news()
    assert (put_off.state, put_off.starts, put_off.attempts) == (State.SCHEDULED, 1, 1)


@ensureDeferred
@pytest.mark.parametrize("crashed", [False, True])
async def test_a_job_that_is_given_back_is_news(
    front: Store, make_reader: MakeReader, worker: Store, crashed: bool
) -> None:
    session, id = await begun(front, worker)
    reader = make_reader("front")
    await front.listen("me", id, START)
    if crashed:
        await front.reap("worker")
    else:
        await worker.leave(session.name)
    status = read_news(id, (await reader.next()).data)
    assert (status.state, status.starts, status.attempts) == (State.QUEUED, 1, int(crashed))
    assert status.position == 1
    await Session(worker, "worker.2").open()
    session = Session(worker, "worker.3")
    await session.open()
    await session.turn()
    status = read_news(id, (await reader.next()).data)
    assert (status.state, status.starts, status.attempts) == (State.RUNNING, 2, 1 + crashed)


@ensureDeferred
async def test_a_job_that_is_taken_over_is_news_and_goes_on_with_its_numbers(
    front: Store, make_reader: MakeReader, worker: Store
) -> None:
    await submit(front)
    session = await Session(worker).open()
    (claim,) = (await session.turn()).claims
    reader = make_reader("front")
    await front.listen("me", claim.id, START)
    await emit(session, claim.id, "1")
    later = await Session(worker, "worker.2").open("worker.1", claim)
    assert later.claimed == {claim.id: 1}
    await emit(later, claim.id, "1", "2")
    kinds = [(await reader.next()) for _ in range(3)]
    assert [mail.kind for mail in kinds] == ["p", "n", "p"]
    assert read_news(claim.id, kinds[1].data).starts == 1
    assert read_pieces(kinds[2].data) == [Piece(1, 2, 1, "2")]


@ensureDeferred
async def test_a_job_that_the_store_has_forgotten_has_been_started_as_often_as_before(
    front: Store, worker: Store
) -> None:
    session, id = await begun(front, worker)
    await again(session, id)
    await session.turn(0, Report(id, State.QUEUED))
    (claim,) = (await session.turn()).claims
    forgotten = msgspec.structs.replace(claim, id=front.mint())
    later = await Session(worker, "worker.2").open("worker.9", forgotten)
    await emit(later, forgotten.id, "7", first=7)
    heard = await front.listen("me", forgotten.id, START)
    assert (heard.pieces, heard.gap) == ([Piece(3, 7, 2, "7")], True)
    await again(later, forgotten.id)
    heard = await front.listen("me", forgotten.id, (3, 7))
    assert isinstance(heard.known, JobStatus)
    assert (heard.known.starts, heard.known.attempts) == (4, 3)


@ensureDeferred
async def test_where_a_job_stands_at_the_end_of_a_turn_is_all_that_is_told(
    front: Store, make_reader: MakeReader, worker: Store
) -> None:
    session, id = await begun(front, worker)
    reader = make_reader("front")
    await front.listen("me", id, START)
    await session.turn(10, Report(id, State.QUEUED))  # it is begun by the same turn
    assert id in session.claimed
    status = read_news(id, (await reader.next()).data)
    assert (status.state, status.starts) == (State.RUNNING, 2)
    await say(session, id, '{"fraction":1,"number":1}')
    assert read_news(id, (await reader.next()).data).progress == '{"fraction":1,"number":1}'
    await session.turn(0, *succeeded(await session.turn(number=session.number)))


@ensureDeferred
async def test_listening_is_for_the_owner(front: Store, worker: Store) -> None:
    session, id = await begun(front, worker)
    await emit(session, id, "1")
    for verb in range(2):
        with pytest.raises(NoSuchJob):
            await front.listen("somebody else", id, START)
        assert (await front.listen("*", id, START)).pieces
        if not verb:
            await session.turn(0, Report(id, State.SUCCEEDED, "1"))


@ensureDeferred
@pytest.mark.parametrize("state", [State.SCHEDULED, State.QUEUED])
@pytest.mark.parametrize("runs", [True, False])
async def test_an_outcome_says_how_often_its_job_was_started(
    front: Store, worker: Store, state: State, runs: bool
) -> None:
    session, id = await begun(front, worker)
    await again(session, id, state)
    if runs:
        await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    else:
        await session.turn(0, Report(id, State.SCHEDULED, delay=60_000))
        await front.cancel("me", id)
    outcome = (await front.listen("me", id, START)).known
    assert isinstance(outcome, Outcome)
    assert outcome.starts == 2
    assert outcome.starts - outcome.attempts == (state is State.QUEUED)


@ensureDeferred
async def test_an_outcome_does_not_say_that_where_not_all_starts_are_kept(
    front: Store, worker: Store
) -> None:
    session, id = await begun(front, worker)
    for _ in range(MOST_PAST):
        await again(session, id, State.QUEUED)
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    outcome = await front.look("me", id)
    assert isinstance(outcome, Outcome)
    assert outcome.starts in (0, MOST_PAST + 1)  # the store in memory knows


@ensureDeferred
async def test_a_process_that_reads_nothing_is_told_so_much_at_most_and_every_end(
    front: Store, worker: Store, make_reader: MakeReader
) -> None:
    """And then that there is more, once."""
    session, id = await begun_unread(front, worker)
    inbox = front.partition.keys.inbox("front")
    assert await front.partition.command("MEMORY", "USAGE", inbox, "SAMPLES", 0) < 10 << 20
    await session.turn(0, Report(id, State.SUCCEEDED, "1"))
    reader = make_reader("front")
    kinds = []
    while not kinds or kinds[-1][0] != "o":
        mail = await reader.next()
        kinds.append((mail.kind, len(mail.data) > 0))
    assert kinds[-3:] == [("p", True), ("p", False), ("o", True)]


@ensureDeferred
async def test_who_has_read_what_there_was_is_told_again(
    front: Store, worker: Store, make_reader: MakeReader
) -> None:
    session, id = await begun_unread(front, worker)
    reader = make_reader("front")
    while (await reader.next()).data:
        pass
    last = await front.listen("me", id, (1, 160))
    assert last.pieces == []
    await front.partition.command(
        "XTRIM", front.partition.keys.inbox("front"), "MAXLEN", 0
    )  # as reading does
    await emit(session, id, '"again"', first=161)
    assert read_pieces((await reader.next()).data)[0].data == '"again"'
