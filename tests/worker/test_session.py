"""A worker's dialogue with a store that says what the test wants."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.state import Claim, Job
from relay.store.messages import Fenced, Turn, Turned
from relay.store.store import Roster
from relay.worker.session import PROGRESS, SOME, Session

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

    def take(self, claim: Claim) -> None:
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
    running = Deferred.fromCoroutine(Session(Clock(), store, Roster(["echo"]), hands).run())
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
    session = Session(clock, given, Roster(["echo"]), Hands())
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
