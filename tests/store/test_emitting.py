"""What handlers in workers' processes put out, as it reaches those who listen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.codec import read_outcome
from relay.store.pieces import Piece
from relay.store.standings import read_news, read_pieces
from tests.processes import RedisProcess, RelayProcess
from tests.store.conftest import Reader, Store
from tests.store.test_mail import MakeReader
from tests.store.test_pieces import START
from tests.store.test_store import submit

LATE = 0.05  # seconds from emit to a listener's process


@pytest.fixture
def process(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    options = "--redis", redis.url, "--jobs", "tests.worker.emitting_jobs", "--lease", "2"
    process = RelayProcess(tmp_path, "worker", *options)
    process.start()
    yield process
    process.stop()


class Listener:
    """Hears one job to its end."""

    def __init__(self, front: Store, reader: Reader, id: str) -> None:
        self.front, self.reader, self.id = front, reader, id
        self.pieces: list[Piece] = []
        self.states: list[JobStatus] = []
        self.late: list[float] = []

    async def listen(self) -> Listener:
        heard = await self.front.listen("*", self.id, START)
        assert not heard.more
        self.pieces += heard.pieces
        return self

    async def to_the_end(self) -> Outcome:
        while True:
            mail = await self.reader.next()
            if mail.kind == "p":
                now = time.time()
                some = read_pieces(mail.data)
                self.pieces += [
                    piece for piece in some if not self.pieces or piece.place > self.pieces[-1].place
                ]
                self.late += [now - float(piece.data) for piece in some if "." in piece.data]
            elif mail.kind == "n":
                self.states.append(read_news(self.id, mail.data))
            elif mail.kind == "o":
                return read_outcome(self.id, mail.data)


@ensureDeferred
@pytest.mark.parametrize("name", ["counts", "counts_in_a_thread", "counts_on_asyncio"])
async def test_all_pieces_are_heard_in_order_before_the_end(
    front: Store, make_reader: MakeReader, process: RelayProcess, name: str
) -> None:
    most = 3000 if name != "counts_on_asyncio" else 100
    id = await submit(front, name=name, arguments=f'{{"most":{most}}}')
    listener = await Listener(front, make_reader("front"), id).listen()
    outcome = await listener.to_the_end()
    assert (outcome.state, outcome.payload) == (State.SUCCEEDED, str(most))
    assert [piece.number for piece in listener.pieces] == [*range(1, most + 1)]
    assert [int(piece.data) for piece in listener.pieces] == [*range(1, most + 1)]


@ensureDeferred
async def test_what_an_attempt_puts_out_is_told_apart_from_that_of_one_whose_worker_died(
    front: Store, make_reader: MakeReader, process: RelayProcess
) -> None:
    id = await submit(front, name="dies_in_the_first_attempt", attempts=3, arguments='{"most":20}')
    listener = await Listener(front, make_reader("front"), id).listen()
    ended = Deferred.fromCoroutine(listener.to_the_end())
    assert process.process
    await deferToThread(process.process.wait)
    await deferToThread(process.start)  # which finds that the other one's lease has ended
    outcome = await ended.addTimeout(30, reactor)
    assert (outcome.state, outcome.attempts) == (State.SUCCEEDED, 2)
    assert [piece.place for piece in listener.pieces] == [(s, n) for s in (1, 2) for n in range(1, 21)]
    assert {(piece.starts, piece.attempt) for piece in listener.pieces} == {(1, 1), (2, 2)}
    assert listener.states[-1].starts == 2


@ensureDeferred
async def test_pieces_come_at_once(front: Store, make_reader: MakeReader, process: RelayProcess) -> None:
    id = await submit(front, name="tells_when", arguments='{"most":200}')
    listener = await Listener(front, make_reader("front"), id).listen()
    await listener.to_the_end()
    late = sorted(listener.late)
    assert len(late) > 100
    assert late[len(late) // 2] < LATE, late


@ensureDeferred
async def test_who_comes_later_finds_what_was_put_out_and_how_far_the_job_is(
    front: Store, make_reader: MakeReader, process: RelayProcess
) -> None:
    id = await submit(front, name="says_one_and_waits")
    reader = make_reader("front")
    listener = await Listener(front, reader, id).listen()
    while not (listener.states and listener.states[-1].progress):
        mail = await reader.next()
        if mail.kind == "n":
            listener.states.append(read_news(id, mail.data))
    said = listener.states[-1].progress
    assert said == '{"fraction":0.5,"message":"half","start":1,"number":1}'
    heard = await front.listen("me", id, START)
    assert heard.pieces == [Piece(1, 1, 1, '"here"')]
    assert isinstance(heard.known, JobStatus)
    assert (heard.known.progress, heard.known.starts) == (said, 1)
    await front.cancel("me", id)
    assert (await listener.to_the_end()).state is State.CANCELLED
