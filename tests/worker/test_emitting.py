"""What jobs put out, on its way to the store."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogEvent, capturedLogs

from relay.model.problems.job import EmittedTooFast, OutputNotKept
from relay.model.problems.request import StoreAway, StoreFull, StoreReset
from relay.model.state import State
from relay.redis.connection import LinkLost
from relay.store.messages import Fenced, Report
from relay.store.pieces import MOST_READ, READ_BYTES, Emitted, LogsSpoilt
from relay.worker import emitting
from relay.worker.checkpoints import LARGEST
from relay.worker.emitter import EACH
from relay.worker.emitting import AGAIN, FULL, GATHER, MOST_UNSENT
from tests.worker import test_checkpoints
from tests.worker.test_checkpoints import A, B

LARGE = '"' + (LARGEST - 2) * "x" + '"'


class Store(test_checkpoints.Store):
    """Is told what was put out, and answers that, too, when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.emits: list[tuple[str, list[Emitted]]] = []
        self.replies: list[Deferred[list[str]]] = []

    async def emit(self, session: str, pieces: list[Emitted]) -> list[str]:
        self.emits.append((session, pieces))
        self.replies.append(Deferred())
        return await self.replies[-1]


class Stage(test_checkpoints.Stage):
    """A session that holds some jobs, whose turn is answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *claims: Any) -> None:
        monkeypatch.setattr(test_checkpoints, "Store", Store)
        super().__init__(*claims)
        self.numbers: dict[str, int] = {}

    def emit(self, id: str, *said: str) -> list[Deferred[None]]:
        told = []
        for each in said:
            self.numbers[id] = self.numbers.get(id, 0) + 1
            told.append(self.session.emit(id, self.numbers[id], each))
        return told

    def gathered(self) -> None:
        self.clock.advance(GATHER)

    def reply(self, *refused: str) -> None:
        self.store.replies.pop(0).callback([*refused])

    def fail(self, error: Exception) -> None:
        self.store.replies.pop(0).errback(error)

    def answer_some(self) -> None:
        """Answer turns, as long as there are some, a few at most."""
        for _ in range(5):
            if self.store.answers:
                self.answer()

    def sent(self) -> list[list[tuple[str, int]]]:
        return [[(piece.id, piece.number) for piece in pieces] for _, pieces in self.store.emits]

    def ends(self) -> list[str]:
        return [end.id for turn in self.store.turns for end, _ in turn.ends]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch, A, B)


def test_what_jobs_put_out_is_sent_together_and_their_deferreds_fire_with_the_answer(stage: Stage) -> None:
    told = stage.emit(A.id, '"é"', "2") + stage.emit(B.id, "10")
    assert stage.sent() == []
    stage.gathered()
    assert stage.store.emits == [
        ("worker.1", [Emitted(A.id, 2, 1, '"é"'), Emitted(A.id, 2, 2, "2"), Emitted(B.id, 2, 1, "10")])
    ]
    assert not any(each.called for each in told)
    stage.reply()
    assert all(each.called for each in told)
    stage.clock.advance(100)
    assert len(stage.sent()) == 1


def test_one_call_is_under_way_at_a_time(stage: Stage) -> None:
    stage.emit(A.id, "1")
    stage.gathered()
    stage.emit(A.id, "2")
    stage.clock.advance(1)
    assert stage.sent() == [[(A.id, 1)]]
    stage.reply()
    stage.emit(A.id, "3")
    stage.gathered()
    assert stage.sent()[1:] == [[(A.id, 2), (A.id, 3)]]


@pytest.mark.parametrize("error", [LinkLost("gone"), StoreAway()])
def test_what_has_no_answer_is_sent_again(stage: Stage, error: Exception) -> None:
    told = stage.emit(A.id, "1", "2")
    stage.gathered()
    stage.fail(error)
    stage.emit(A.id, "3")
    stage.clock.pump([AGAIN.first, GATHER])
    assert stage.sent()[1:] == [[(A.id, 1), (A.id, 2), (A.id, 3)]]
    stage.reply()
    assert all(each.called for each in told)


def test_an_end_is_told_after_what_was_put_out(stage: Stage) -> None:
    stage.emit(A.id, "1")
    stage.session.report(Report(A.id, State.SUCCEEDED, "1"))
    stage.session.report(Report(B.id, State.SUCCEEDED, "1"))
    turns = len(stage.store.turns)
    stage.answer()
    assert stage.ends() == [B.id]
    stage.gathered()
    stage.answer_some()  # it does not take turns meanwhile
    assert len(stage.store.turns) <= turns + 2
    assert stage.ends() == [B.id]
    stage.reply()
    stage.answer_some()
    assert stage.ends() == [B.id, A.id]


def test_a_session_that_is_closed_tells_everything_first(stage: Stage) -> None:
    stage.emit(A.id, "1")
    stage.session.report(Report(A.id, State.SUCCEEDED, "1"))
    stage.session.close()
    stage.answer()
    stage.gathered()
    stage.answer_some()
    assert stage.ends() == []
    stage.reply()
    stage.answer_some()
    assert stage.ends() == [A.id]


def test_a_job_puts_out_portions_and_others_take_turns_with_it(stage: Stage) -> None:
    stage.emit(A.id, *[LARGE] * 9)
    stage.emit(B.id, "1")
    some = READ_BYTES // LARGEST
    for _ in range(4):
        stage.gathered()
        if stage.store.replies:
            stage.reply()
    assert stage.sent() == [
        [(A.id, number) for number in range(1, some + 1)],
        [(B.id, 1), *[(A.id, number) for number in range(some + 1, 2 * some)]],
        [(A.id, number) for number in range(2 * some, 10)],
    ]


def test_a_call_has_so_many_pieces_at_most(stage: Stage) -> None:
    stage.emit(A.id, *["1"] * (MOST_READ + 7))
    for _ in range(2):
        stage.gathered()
        stage.reply()
    assert [len(each) for each in stage.sent()] == [MOST_READ, 7]


def test_a_job_that_is_much_faster_than_the_store_is_told(stage: Stage) -> None:
    fit = MOST_UNSENT // (len(LARGE) + EACH)
    stage.emit(A.id, *[LARGE] * fit)
    with pytest.raises(EmittedTooFast):
        stage.session.emit(A.id, fit + 1, LARGE)
    stage.emit(B.id, LARGE)
    stage.gathered()
    stage.reply()
    stage.session.emit(A.id, fit + 1, LARGE)


def test_many_small_pieces_are_as_much_as_a_few_large_ones(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emitting, "MOST_UNSENT", 10 * (1 + EACH))
    stage.emit(A.id, *["1"] * 10)
    with pytest.raises(EmittedTooFast):
        stage.session.emit(A.id, 11, "1")


@pytest.mark.parametrize("error", [Fenced("gone"), StoreReset()])
def test_what_a_session_could_not_say_is_said_by_the_next(
    stage: Stage, error: Exception, no_logged_failures: list[LogEvent]
) -> None:
    told = stage.emit(A.id, "1", "2")
    stage.gathered()
    stage.fail(error)
    if stage.store.answers:
        stage.answer()
    stage.gathered()
    assert stage.store.emits[1] == ("worker.2", [Emitted(A.id, 1, 1, "1"), Emitted(A.id, 1, 2, "2")])
    stage.reply()
    assert all(each.called for each in told)


def test_whoever_waits_for_a_job_that_another_has_is_cancelled(
    stage: Stage, no_logged_failures: list[LogEvent]
) -> None:
    failed: list[Any] = []
    stage.emit(A.id, "1")[0].addErrback(failed.append)
    stage.emit(B.id, "2")  # which nobody waits for
    stage.gathered()
    stage.session.report(Report(A.id, State.SUCCEEDED, "1"))
    stage.reply(A.id, B.id)
    assert failed[0].check(CancelledError)
    stage.answer_some()
    assert stage.ends() == [A.id]  # which the store refuses, too
    gc.collect()
    assert no_logged_failures == []


def test_what_is_lost_with_its_session_is_not_sent(stage: Stage, no_logged_failures: list[LogEvent]) -> None:
    (told,) = stage.emit(A.id, "1")
    stage.emit(B.id, "1")
    stage.store.lost = {A.id}
    stage.session.resync()
    stage.answer()
    stage.clock.advance(1)
    assert stage.sent() == [[(B.id, 1)]]
    failed: list[Any] = []
    told.addErrback(failed.append)  # who asks later hears it, too
    assert failed[0].check(CancelledError)


def test_what_a_store_without_memory_refuses_waits_for_a_while(
    stage: Stage, no_logged_failures: list[LogEvent]
) -> None:
    (first,) = stage.emit(A.id, "1")
    (later,) = ((stage.clock.advance(FULL / 2)), stage.emit(A.id, "2"))[1]
    failed: list[Any] = []
    first.addErrback(failed.append)
    stage.session.report(Report(A.id, State.SUCCEEDED, "1"))
    for _ in range(100):
        if stage.store.replies:
            stage.fail(StoreFull())
        if failed:
            break
        stage.clock.advance(0.5)
    assert failed[0].check(StoreFull)
    assert stage.clock.seconds() >= FULL
    assert not later.called
    stage.clock.pump([AGAIN.limit, GATHER])
    assert stage.sent()[-1] == [(A.id, 2)]
    stage.reply()
    assert later.called
    if stage.store.answers:
        stage.answer()
    assert stage.ends() == [A.id]


def test_what_was_cancelled_with_its_handler_is_sent_all_the_same(stage: Stage) -> None:
    (told,) = stage.emit(A.id, "1")
    told.cancel()
    told.addErrback(lambda _: None)
    stage.gathered()
    stage.reply()
    assert stage.sent() == [[(A.id, 1)]]


def test_what_one_job_can_not_put_out_holds_up_nobody(
    stage: Stage, no_logged_failures: list[LogEvent]
) -> None:
    """Its end is told, too."""
    failed: list[Any] = []
    (spoilt,) = stage.emit(A.id, "1")
    spoilt.addErrback(failed.append)
    (told,) = stage.emit(B.id, "1")
    for id in (A.id, B.id):
        stage.session.report(Report(id, State.SUCCEEDED, "1"))
    stage.gathered()
    stage.fail(LogsSpoilt([A.id], []))
    assert failed[0].check(OutputNotKept)
    assert told.called
    stage.answer_some()
    assert sorted(stage.ends()) == sorted([A.id, B.id])
    stage.clock.advance(10)
    assert len(stage.sent()) == 1


def test_that_nothing_of_a_job_is_kept_is_said_once(stage: Stage) -> None:
    with capturedLogs() as heard:
        for number in range(3):
            stage.emit(A.id, str(number))[0].addErrback(lambda _: None)
            stage.gathered()
            stage.fail(LogsSpoilt([A.id], []))
    assert [event["id"] for event in heard] == [A.id]
