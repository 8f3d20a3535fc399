"""Ends of durable jobs, which a worker keeps until they are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.model.job import Claim
from relay.model.problems.request import NotDurable
from relay.model.state import State
from relay.store.messages import Report, Turn, Turned
from relay.store.roster import Roster
from relay.worker.session import Session
from relay.worker.untold import Untold
from tests.worker.test_session import JOB, Hands

DURABLE = msgspec.structs.replace(JOB, durable=True)


class Teller:
    """Tells when a test says so; or has a proof for nothing."""

    inbox = "worker"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.fails = False
        self.telling: Deferred[None] = Deferred()

    async def announce(self, ids: Sequence[str]) -> None:
        self.asked.append(list(ids))
        if self.fails:
            raise NotDurable
        await self.telling


class Scene:
    def __init__(self) -> None:
        self.clock, self.store = Clock(), Teller()
        store: Any = self.store
        self.untold = Untold(self.clock, store)

    def end(self, id: str, state: State = State.SUCCEEDED, durable: bool = True) -> None:
        self.untold.add(Claim(id, DURABLE if durable else JOB, 1, 0, 0), Report(id, state))

    def left(self) -> list[str]:
        return [claim.id for claim in self.untold.claims()]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_end_is_kept_until_it_is_told_and_those_that_come_meanwhile_go_together(scene: Scene) -> None:
    scene.end("a")
    scene.end("b")
    scene.end("c")
    assert (scene.store.asked, scene.left()) == ([["a"]], ["a", "b", "c"])
    telling, scene.store.telling = scene.store.telling, Deferred()
    telling.callback(None)
    assert (scene.store.asked, scene.left()) == ([["a"], ["b", "c"]], ["b", "c"])
    scene.store.telling.callback(None)
    assert scene.left() == []


@pytest.mark.parametrize(
    ("state", "durable"), [(State.SUCCEEDED, False), (State.SCHEDULED, True), (State.QUEUED, True)]
)
def test_only_the_last_end_of_a_durable_job_is_kept(scene: Scene, state: State, durable: bool) -> None:
    scene.end("a", state, durable)
    assert (scene.store.asked, scene.left()) == ([], [])


def test_what_could_not_be_proved_is_asked_for_again_with_growing_pauses(scene: Scene) -> None:
    scene.store.fails = True
    scene.end("a")
    scene.clock.pump([0.1] * 300)
    asked = len(scene.store.asked)
    assert 5 < asked < 40
    scene.store.fails = False
    scene.store.telling.callback(None)
    scene.clock.pump([0.1] * 30)
    assert (len(scene.store.asked), scene.left()) == (asked + 1, [])


def test_a_store_that_has_lost_them_is_told_again_of_those_that_it_takes(scene: Scene) -> None:
    scene.end("a")
    scene.end("b")
    assert [end.id for end in scene.untold.again({"b"})] == ["b"]
    assert scene.left() == []
    scene.end("b")
    scene.store.telling.callback(None)  # of the first "a"
    assert scene.left() == []


def test_a_worker_that_stops_waits_until_they_are_told(scene: Scene) -> None:
    scene.end("a")
    left = Deferred.fromCoroutine(scene.untold.told())
    assert not left.called
    scene.store.telling.callback(None)
    assert left.called


class Losing(Teller):
    """Claims one durable job, takes its end, and may have lost that when it is asked to adopt."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[Turn] = []
        self.offered: list[list[str]] = []
        self.waiting: Deferred[None] = Deferred()

    async def adopt(
        self, old: str, session: str, number: int, roster: Roster, claims: Sequence[Claim]
    ) -> set[str]:
        self.offered.append([claim.id for claim in claims])
        return {claim.id for claim in claims}

    async def turn(self, session: str, turn: Turn) -> Turned:
        self.turns.append(turn)
        if len(self.turns) > 2:
            await self.waiting
        first = [Claim("a", DURABLE, 1, 0, 0)] if len(self.turns) == 1 else []
        return Turned(first, [], False, -1)


def test_an_end_that_was_taken_and_not_told_is_offered_to_the_next_session() -> None:
    store: Any = Losing()
    session = Session(Clock(), store, Roster([]), Hands())
    running = Deferred.fromCoroutine(session.run())
    session.report(Report("a", State.SUCCEEDED, "7"))
    assert store.asked == [["a"]]  # and it never answers
    session.resync()
    store.waiting.callback(None)
    assert store.offered == [[], ["a"]]
    assert [end.id for turn in store.turns for end, _ in turn.ends] == ["a", "a"]
    running.addErrback(lambda _: None)
    running.cancel()
