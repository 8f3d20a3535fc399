"""A worker's dialogue with a store that says what the test wants."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.model.job import Claim, Job
from relay.model.problems.request import StoreAway
from relay.model.state import State
from relay.redis.connection import LinkLost
from relay.store.codec import kept_job
from relay.store.handing import read_handed
from relay.store.mail import Message
from relay.store.messages import Fenced, Report, Turn, Turned
from relay.store.roster import Roster
from relay.worker.arrivals import SOME
from relay.worker.progress import PROGRESS
from relay.worker.session import Session
from relay.worker.turn_sender import LARGE, MOST_LOST

JOB = Job("echo", "default", "me", "", 0, 1, "", "", False, "", "{}")


def claim(number: int, attempt: int = 1) -> Claim:
    return Claim(f"0-a-{number}", JOB, attempt, 0, 0)


class Store:
    """Answers turns in their order, then never; adopts nothing."""

    inbox = "worker"

    def __init__(self, *answers: list[Claim] | Exception) -> None:
        self._answers = list(answers)

    async def adopt(self, *_: Any) -> set[str]:
        return set()

    async def turn(self, *_: Any) -> Turned:
        if not self._answers:
            await Deferred()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Turned(answer, [], True, -1)


class Hands:
    def __init__(self) -> None:
        self.taken: list[Claim] = []

    def room(self) -> int:
        return 1000

    def take(self, claim: Claim, since: float) -> None:
        self.taken.append(claim)

    def drop(self, id: str) -> None:
        pass


def test_a_job_that_was_lost_before_it_was_begun_and_claimed_again_is_begun_once(
    no_logged_failures: list[Any],
) -> None:
    first = [claim(number) for number in range(3 * SOME + 1)]
    again = claim(3 * SOME, attempt=2)
    store: Any = Store(first, Fenced("gone"), [again])
    hands = Hands()
    running = Deferred.fromCoroutine(Session(Clock(), store, Roster([]), hands).run())
    assert [c for c in hands.taken if c.id == again.id] == [again]
    running.addErrback(lambda _: None)
    running.cancel()


class Patient(Store):
    """Answers every turn, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[Turn] = []

    async def turn(self, *given: Any) -> Turned:
        self.turns.append(given[-1])
        return Turned([], [], False, -1)


def test_progress_alone_takes_a_few_turns_a_second() -> None:
    clock, store = Clock(), Patient()
    given: Any = store
    session = Session(clock, given, Roster([]), Hands())
    running = Deferred.fromCoroutine(session.run())
    before = len(store.turns)
    for number in range(3000):
        session.progress("0-a-1", str(number))
        clock.advance(0.001)
    clock.advance(PROGRESS)
    said = [turn.progress for turn in store.turns[before:] if turn.progress]
    assert len(said) <= 3 / PROGRESS + 2
    assert said[0] == (("0-a-1", "0"),)
    assert said[-1] == (("0-a-1", "2999"),)
    running.addErrback(lambda _: None)
    running.cancel()


class Away(Exception):
    """Nothing that a session knows of."""


class Recorder(Store):
    """Keeps what was said to it; a turn's answer may be an exception."""

    def __init__(self, *answers: list[Claim] | Exception) -> None:
        super().__init__(*answers)
        self.turns: list[Any] = []
        self.adopted: list[tuple[str, list[str]]] = []
        self.refusals: list[Exception] = []

    async def adopt(self, old: str, new: str, number: int, roster: Any, claims: Any) -> set[str]:
        if self.refusals:
            raise self.refusals.pop(0)
        self.adopted.append((new, [claim.id for claim in claims]))
        return {claim.id for claim in claims}

    async def turn(self, name: str, turn: Any) -> Turned:
        self.turns.append((name, turn.number, [end.id for end, _ in turn.ends]))
        if turn.ends:
            self.last = turn
        return await super().turn()


def begun(store: Recorder, hands: Hands | None = None) -> tuple[Clock, Session, Hands]:
    clock, hands = Clock(), hands or Hands()
    session: Any = Session(clock, store, Roster([]), hands)  # type: ignore[arg-type]
    Deferred.fromCoroutine(session.run()).addErrback(lambda _: None)
    return clock, session, hands


def test_a_turn_that_was_not_carried_out_is_sent_again_with_its_number_ever_less_often() -> None:
    store = Recorder([claim(1)], *[StoreAway()] * 20, [claim(2)])
    clock, session, hands = begun(store)
    session.report(Report(claim(1).id, State.SUCCEEDED, "1"))
    for _ in range(18):
        session.nudge()  # what ends meanwhile does not hurry it
    assert len(store.turns) == 2
    clock.pump([0.05] * 100)
    assert 5 < len(store.turns) < 12
    clock.pump([0.1] * 200)
    assert [turned.id for turned in hands.taken] == [claim(1).id, claim(2).id]
    assert {number for _, number, _ in store.turns[1:22]} == {3}
    assert len(store.adopted) == 1


def test_a_turn_whose_answer_was_lost_is_sent_again_at_once() -> None:
    store = Recorder(LinkLost(), LinkLost(), [claim(1)])
    _, _, hands = begun(store)
    assert hands.taken == [claim(1)]


@pytest.mark.parametrize("error", [Away(), ValueError(), KeyError("x"), RuntimeError()])
def test_an_error_that_nobody_foresaw_costs_a_session_and_nothing_else(
    error: Exception, no_logged_failures: list[Any]
) -> None:
    store = Recorder([claim(1), claim(2)], error, [claim(3)])
    clock, session, hands = begun(store)
    session.report(Report(claim(1).id, State.SUCCEEDED, "1"))
    clock.pump([0.1] * 20)
    assert store.adopted == [("worker.1", []), ("worker.2", [claim(1).id, claim(2).id])]
    assert [turned.id for turned in hands.taken] == [claim(n).id for n in (1, 2, 3)]
    assert any(claim(1).id in ends for name, _, ends in store.turns if name == "worker.2")
    no_logged_failures.clear()


@pytest.mark.parametrize("error", [StoreAway(), LinkLost(), Away()])
def test_a_session_that_can_not_be_opened_is_opened_later(
    error: Exception, no_logged_failures: list[Any]
) -> None:
    store = Recorder([claim(1)])
    store.refusals = [error] * 10
    clock, _, hands = begun(store)
    clock.pump([0.1] * 20)
    assert hands.taken == []
    clock.pump([0.1] * 100)
    assert hands.taken == [claim(1)]
    no_logged_failures.clear()


def test_an_end_under_which_the_connection_breaks_each_time_is_told_without_what_it_carries(
    no_logged_failures: list[Any],
) -> None:
    """Something before Redis takes no request so large: the other jobs of the worker are not to wait for it."""
    payloads = {claim(1).id: "x" * LARGE, claim(2).id: "2"}

    class Prompt(Hands):
        session: Session

        def take(self, claim: Claim, since: float) -> None:
            super().take(claim, since)
            if claim.id in payloads:
                self.session.report(Report(claim.id, State.SUCCEEDED, payloads[claim.id]))

    store, clock, hands = (
        Recorder([claim(1), claim(2)], *[LinkLost()] * MOST_LOST, [claim(3)]),
        Clock(),
        Prompt(),
    )
    hands.session = Session(clock, store, Roster([]), hands)  # type: ignore[arg-type]
    Deferred.fromCoroutine(hands.session.run()).addErrback(lambda _: None)
    clock.pump([0.1] * 50)
    assert [turned.id for turned in hands.taken] == [claim(n).id for n in (1, 2, 3)]
    ends = {end.id: end for end, _ in store.last.ends}
    assert (ends[claim(1).id].state, ends[claim(1).id].payload) == (State.FAILED, "result-too-large")
    assert ends[claim(2).id].payload == "2"
    no_logged_failures.pop()


def test_a_job_that_can_not_be_begun_fails_and_takes_no_other_along(no_logged_failures: list[Any]) -> None:
    class Clumsy(Hands):
        def take(self, claim: Claim, since: float) -> None:
            super().take(claim, since)
            if claim.id.endswith("-1"):
                raise ValueError

    store = Recorder([claim(1), claim(2)], [])
    _, _, hands = begun(store, Clumsy())
    assert [turned.id for turned in hands.taken] == [claim(1).id, claim(2).id]
    assert [ends for _, _, ends in store.turns] == [[], [claim(1).id], []]
    no_logged_failures.clear()


def test_who_meets_a_session_in_a_debugger_sees_its_name_and_what_it_holds() -> None:
    store = Recorder([claim(1), claim(2)])
    session = begun(store)[1]
    session.report(Report(claim(1).id, State.SUCCEEDED, "1"))
    assert (
        repr(session) == f"<{Session.__name__} worker.1, holds 2 jobs, 0 of them not begun, 1 ends to tell>"
    )
    other: Any = Session(Clock(), store, Roster([]), Hands())  # type: ignore[arg-type]
    assert "not opened" in repr(other)


class Handing(Store):
    """Answers turns when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[tuple[Turn, Deferred[Turned]]] = []

    async def turn(self, *given: Any) -> Turned:
        answer: Deferred[Turned] = Deferred()
        self.turns.append((given[-1], answer))
        return await answer

    @property
    def last(self) -> Turn:
        return self.turns[-1][0]

    def answer(self, *claims: Claim) -> None:
        self.turns[-1][1].callback(Turned([*claims], [], False, -1))


class AtOnce(Hands):
    """Each job ends as soon as it is begun."""

    session: Session

    def take(self, claim: Claim, since: float) -> None:
        super().take(claim, since)
        self.session.report(Report(claim.id, State.SUCCEEDED, "1"))


def handing(hands: Hands) -> tuple[Handing, Session]:
    store: Any = Handing()
    session = Session(Clock(), store, Roster([]), hands)
    Deferred.fromCoroutine(session.run()).addErrback(lambda _: None)
    return store, session


def told(*numbers: int, turn: int = 2, session: str = "worker.1") -> list[Message]:
    kept = kept_job(claim(0))
    return [Message("j", claim(number).id, f"{session} {turn} ".encode() + kept) for number in numbers]


def hear(session: Session, *mail: Message) -> None:
    session.hand([read_handed(message) for message in mail])


def test_jobs_that_are_handed_and_end_at_once_are_told_by_one_turn() -> None:
    hands = AtOnce()
    store, hands.session = handing(hands)
    assert store.last.heard == 0
    store.answer()
    hear(hands.session, *told(1, 2, 3))
    assert [taken.id for taken in hands.taken] == [claim(number).id for number in (1, 2, 3)]
    assert len(store.turns) == 2
    assert [(end.id, number) for end, number in store.last.ends] == [(taken.id, 2) for taken in hands.taken]
    assert (store.last.heard, store.last.holds) == (3, 0)


def test_a_job_that_is_handed_and_runs_on_is_begun_before_the_next_turn_which_counts_it() -> None:
    hands = Hands()
    store, session = handing(hands)
    store.answer()
    hear(session, *told(1))
    assert [taken.id for taken in hands.taken] == [claim(1).id]
    assert (store.last.heard, store.last.holds) == (1, 1)
    store.answer()
    session.nudge()
    assert (store.last.heard, store.last.holds) == (0, 1)


def test_what_is_handed_before_the_answer_to_its_turn_is_begun_once_and_counted_by_the_turn_after() -> None:
    hands = Hands()
    store, session = handing(hands)
    hear(session, *told(1))
    store.answer()
    assert [taken.id for taken in hands.taken] == [claim(1).id]
    assert store.last.heard == 1


def test_a_job_that_the_next_turn_claims_again_is_begun_once_and_belongs_to_that_turn() -> None:
    hands = Hands()
    store, session = handing(hands)
    store.answer()
    session.nudge()
    hear(session, *told(1))
    store.answer(claim(1))
    assert [taken.id for taken in hands.taken] == [claim(1).id]
    session.report(Report(claim(1).id, State.SUCCEEDED, "1"))
    store.answer()
    assert [number for _, number in store.last.ends] == [3]
    assert store.last.heard == 0


def test_mail_that_comes_twice_or_late_begins_nothing() -> None:
    hands = AtOnce()
    store, hands.session = handing(hands)
    store.answer()
    for _ in range(2):
        hear(hands.session, *told(1))
    assert len(hands.taken) == 1
    store.answer()
    hear(hands.session, *told(1), *told(2), *told(3, turn=9), *told(4, turn=3, session="worker.7"))
    assert len(hands.taken) == 1


def test_a_job_that_a_turn_has_told_when_it_was_sent_again_is_begun_once() -> None:
    hands = Hands()
    store, session = handing(hands)
    store.answer(claim(1))  # which was handed after the first answer to this turn
    hear(session, *told(1))
    store.answer(claim(1))
    assert [taken.id for taken in hands.taken] == [claim(1).id]
    session.report(Report(claim(1).id, State.SUCCEEDED, "1"))
    assert [(end.id, number) for end, number in store.last.ends] == [(claim(1).id, 3)]
    store.answer()
    hear(session, *told(1))
    assert len(hands.taken) == 1


class Opening(Handing):
    """Adopts when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Deferred[set[str]]] = []

    async def adopt(self, *_: Any) -> set[str]:
        self.opened.append(Deferred())
        return await self.opened[-1]


def test_what_is_handed_to_a_session_that_another_takes_the_place_of_goes_back() -> None:
    hands, store = Hands(), Opening()
    given: Any = store
    session = Session(Clock(), given, Roster([]), hands)
    Deferred.fromCoroutine(session.run()).addErrback(lambda _: None)
    store.opened.pop().callback(set())
    store.answer()
    session.resync()
    hear(session, *told(1))
    store.opened.pop().callback(set())
    assert session.name == "worker.2"
    assert (hands.taken, session.holds()) == ([], 0)
