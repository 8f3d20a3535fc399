"""What handlers leave for their next attempts, on its way to the store."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay import Context, job
from relay.model.job import Claim, Job
from relay.model.state import State
from relay.store.messages import Fenced, Report, Turn, Turned
from relay.store.portions import MOST_BYTES
from relay.store.roster import Roster
from relay.worker.attempt import GRACE
from relay.worker.checkpoints import LARGEST
from relay.worker.session import Session
from tests.worker.scene import Scene


def claim(number: int, checkpoint: str = "") -> Claim:
    kept = Job("echo", "default", "me", "", 0, 1, "", "", False, "", "{}")
    return Claim(f"0-a-{number}", kept, 1, 0, 0, checkpoint=checkpoint)


class Store:
    """Answers a turn when the test says so. It takes every job along, but those that are `lost`."""

    inbox = "worker"

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.answers: list[Deferred[Turned]] = []
        self.lost: set[str] = set()

    async def adopt(self, old: str, new: str, number: int, roster: Any, claims: list[Claim]) -> set[str]:
        return {claim.id for claim in claims} - self.lost

    async def turn(self, name: str, turn: Turn) -> Turned:
        self.turns.append(turn)
        self.answers.append(Deferred())
        return await self.answers[-1]


class Stage:
    """A session that holds some jobs."""

    def __init__(self, *claims: Claim) -> None:
        self.store: Any = Store()
        self.clock = Clock()
        hands: Any = self
        self.dropped: list[str] = []
        self.session = Session(self.clock, self.store, Roster([]), hands)
        Deferred.fromCoroutine(self.session.run()).addErrback(lambda _: None)
        self.answer(*claims)

    def room(self) -> int:
        return 1000

    def take(self, claim: Claim, since: float) -> None:
        pass

    def drop(self, id: str) -> None:
        self.dropped.append(id)

    def answer(self, *claims: Claim) -> None:
        self.store.answers.pop(0).callback(Turned(list(claims), [], False, -1))

    def said(self) -> list[tuple[tuple[str, int, str], ...]]:
        return [turn.checkpoints for turn in self.store.turns if turn.checkpoints]


A, B = claim(1), claim(2)


def test_it_goes_out_at_once_and_its_deferred_fires_with_the_answer() -> None:
    stage = Stage(A)
    told = stage.session.checkpoint(A.id, "1")
    assert stage.said() == [((A.id, 2, "1"),)]
    assert not told.called
    stage.answer()
    assert told.called


def test_what_is_said_meanwhile_rides_on_the_next_turn_the_last_word_only() -> None:
    stage = Stage(A)
    stage.session.nudge()  # so a turn is under way
    told = [stage.session.checkpoint(A.id, said) for said in ("1", "2", "3")]
    stage.answer()
    assert stage.said() == [((A.id, 2, "3"),)]
    later = stage.session.checkpoint(A.id, "4")
    stage.answer()
    assert [each.called for each in (*told, later)] == [True, True, True, False]
    stage.answer()
    assert later.called
    assert stage.said()[1:] == [((A.id, 2, "4"),)]


def test_it_is_told_with_the_end_of_an_attempt_that_another_follows_and_not_with_the_jobs() -> None:
    stage = Stage(A, B)
    stage.session.nudge()
    for which, state in ((A, State.QUEUED), (B, State.SUCCEEDED)):
        stage.session.checkpoint(which.id, "1")
        stage.session.report(Report(which.id, state, "1"))
    stage.answer()
    turn = stage.store.turns[-1]
    assert [end.id for end, _ in turn.ends] == [A.id, B.id]
    assert turn.checkpoints == ((A.id, 2, "1"),)


def test_a_store_that_forgot_is_told_all_of_them_again(no_logged_failures: list[LogEvent]) -> None:
    old = claim(3, checkpoint='"old"')
    stage = Stage(A, B, old)
    told = [stage.session.checkpoint(A.id, "1")]
    stage.answer()
    told.append(stage.session.checkpoint(B.id, "2"))  # told, but was that heard?
    stage.store.answers.pop(0).errback(Fenced("gone"))
    assert set(stage.said()[-1]) == {(A.id, 1, "1"), (B.id, 1, "2"), (old.id, 1, '"old"')}
    assert [each.called for each in told] == [True, False]
    stage.answer()
    assert told[1].called


def test_whoever_waits_for_the_checkpoint_of_a_job_that_another_has_is_cancelled(
    no_logged_failures: list[LogEvent],
) -> None:
    stage = Stage(A, B)
    failed: list[Any] = []
    stage.session.checkpoint(A.id, "1").addErrback(failed.append)
    later = stage.session.checkpoint(B.id, "2")
    stage.session.checkpoint(B.id, "3")  # which nobody waits for
    stage.store.lost = {A.id, B.id}
    stage.store.answers.pop(0).errback(Fenced("gone"))
    assert stage.dropped == [A.id, B.id]
    later.addErrback(failed.append)  # who asks later hears it, too
    assert [failure.type for failure in failed] == [CancelledError] * 2
    gc.collect()
    assert no_logged_failures == []
    assert all(id != A.id for turn in stage.said()[1:] for id, *_ in turn)


def test_large_ones_go_out_over_several_turns() -> None:
    claims = [claim(number) for number in range(40)]
    stage = Stage(*claims)
    told = [stage.session.checkpoint(each.id, "x" * LARGEST) for each in claims]
    while stage.store.answers:
        stage.answer()
    assert all(each.called for each in told)
    assert len(stage.said()) > 2
    assert max(sum(len(said) for *_, said in turn) for turn in stage.said()) <= MOST_BYTES


# -- what it means to an attempt --


@pytest.mark.parametrize(("resumes", "state"), [(True, State.QUEUED), (False, State.FAILED)])
@pytest.mark.parametrize("stops", [True, False])
def test_a_once_job_is_given_back_if_it_has_one(
    resumes: bool, state: State, stops: bool, no_logged_failures: list[LogEvent]
) -> None:
    forever: Deferred[None] = Deferred(None if stops else lambda _: None)
    if not stops:
        forever.addErrback(lambda _: Deferred())
    scene = Scene(job(name="f", once=True)(lambda: forever))
    scene.resumes = resumes
    scene.begin().attempt.leave()
    scene.clock.advance(GRACE)
    expected = state if stops or not resumes else State.SCHEDULED  # a little later, when this process is gone
    assert scene.end.state is expected


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.FAILED, "timeout"),
        (State.EXPIRED, "expired"),
        (State.CANCELLED, "cancelled"),
        (State.QUEUED, "drain"),
    ],
)
def test_a_handler_can_tell_why_it_is_stopped(state: State, word: str) -> None:
    seen: list[str] = []

    @job(name="f")
    async def f(context: Context) -> None:
        try:
            await Deferred()
        finally:
            seen.append(context.stopped)

    Scene(f).begin().attempt.stop(state)
    assert seen == [word]
