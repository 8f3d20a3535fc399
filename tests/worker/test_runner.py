"""The attempts of a worker, and how they come to their end with it."""

from __future__ import annotations

import time
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from relay import Context, Limit, job
from relay.handlers.declare import handler
from relay.model.job import Claim
from relay.model.state import State
from relay.store.messages import Report
from relay.timing.draining import Drain
from relay.worker.attempt import GRACE
from relay.worker.end import Ends
from relay.worker.equipment import Equipment
from relay.worker.overdue import Overdue
from relay.worker.place import Place
from relay.worker.runner import Runner
from relay.worker.shareds import Shareds
from tests.worker.test_session import claim

DRAIN = 30.0


class Scene:
    """A runner, and what it reports."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ends: list[Report] = []
        self.busy: list[int] = []  # places that were taken when an end was reported
        self.said: list[tuple[str, str]] = []
        self.threads: list[Deferred[Any]] = []
        self.upstreams = Mock()
        self.shareds = Shareds(self.clock, {"town": "Bonn"})
        place = Place(self.clock, self.in_thread, Ends(1000), Overdue(self.clock, 9), self.shareds)
        now = self.clock.seconds
        equipment = Equipment(self.upstreams, {}, Mock(), Mock(), lambda: 1e9 + now())
        self.runner = Runner(place, equipment, self)

    def report(self, end: Report) -> None:
        self.ends.append(end)
        self.busy.append(self.runner.busy())

    def progress(self, id: str, said: str) -> None:
        self.said.append((id, said))

    def checkpoint(self, id: str, said: str) -> Deferred[None]:
        self.said.append((id, said))
        return Deferred()

    def nudge(self) -> None:
        pass

    def in_thread(self, function: Any) -> Deferred[Any]:
        self.threads.append(Deferred())
        return self.threads[-1]

    def begin(self, number: int, function: Any) -> None:
        self.runner.begin(claim(number), handler(function), self.clock.seconds())

    def drain(self) -> list[None]:
        done: list[None] = []
        Deferred.fromCoroutine(self.runner.finish(Drain(self.clock, DRAIN))).addCallback(done.append)
        return done


@job(name="echo", timeout=99)
def waits() -> Deferred[None]:
    return Deferred()


@job(name="echo", timeout=99, thread=True)
def blocks() -> None: ...


@job(name="echo", timeout=99)
def deaf() -> Deferred[None]:
    return Deferred(lambda _: None).addBoth(lambda _: Deferred(lambda _: None).addBoth(lambda _: Deferred()))


def test_a_handler_finds_what_an_earlier_attempt_left_and_leaves_no_word_for_anothers() -> None:
    contexts: list[Context] = []

    @job(name="echo", timeout=99)
    async def keeps(context: Context) -> None:
        contexts.append(context)
        await Deferred()

    scene = Scene()
    again = msgspec.structs.replace(claim(1), checkpoint='{"at": [7]}')
    scene.begin(1, keeps)
    scene.runner.drop(claim(1).id)  # another worker has it
    scene.runner.begin(again, handler(keeps), 0)
    first, second = contexts
    assert (first.last, second.last) == (None, {"at": [7]})
    with pytest.raises(CancelledError):
        first.checkpoint(1)
    second.checkpoint(2)
    assert scene.said == [(claim(1).id, "2")]


def test_a_drain_without_jobs_is_over_at_once() -> None:
    assert Scene().drain() == [None]


def test_a_drain_waits_for_jobs_and_gives_the_rest_back() -> None:
    scene = Scene()
    first: Deferred[int] = Deferred()
    scene.begin(1, job(name="echo")(lambda: first))
    scene.begin(2, waits)
    done = scene.drain()
    first.callback(1)
    assert scene.ends == [Report("0-a-1", State.SUCCEEDED, "1")]
    scene.clock.advance(DRAIN)
    assert scene.ends[1:] == [Report("0-a-2", State.QUEUED)]
    assert done == [None]
    assert (scene.runner.held(), scene.runner.busy(), scene.runner.hung()) == (0, 0, 0)


def test_a_drain_ends_when_all_jobs_have() -> None:
    scene = Scene()
    scene.begin(1, blocks)
    done = scene.drain()
    scene.threads[0].callback(None)
    assert done == [None]
    assert scene.runner.hung() == 0


def test_what_does_not_stop_at_the_end_of_a_drain_is_postponed_and_hung() -> None:
    scene = Scene()
    scene.begin(1, blocks)
    scene.begin(2, deaf)
    done = scene.drain()
    scene.clock.pump([DRAIN, GRACE])
    assert [(end.state, end.delay >= 5000, end.uncounted) for end in scene.ends] == [
        (State.SCHEDULED, True, True)
    ] * 2
    assert done == [None]
    assert (scene.runner.held(), scene.runner.hung()) == (0, 2)


def test_a_job_that_comes_when_the_drain_is_over_goes_back() -> None:
    scene = Scene()
    scene.drain()
    scene.begin(1, waits)
    assert scene.ends == [Report("0-a-1", State.QUEUED)]


def test_a_place_is_taken_until_the_handler_is_over() -> None:
    scene = Scene()
    scene.begin(1, blocks)
    scene.runner.stop("0-a-1", State.CANCELLED)
    scene.clock.advance(GRACE)
    assert [end.state for end in scene.ends] == [State.CANCELLED]
    assert (scene.runner.held(), scene.runner.busy()) == (0, 1)
    assert not scene.runner.stop("0-a-1", State.CANCELLED)
    scene.threads[0].callback(None)
    assert scene.runner.busy() == 0


def test_an_end_is_reported_once_its_place_is_free() -> None:
    """The turn that tells it can ask for another job."""
    scene, later = Scene(), Deferred[None]()
    scene.begin(1, job(name="echo")(lambda: None))
    scene.begin(2, job(name="echo")(lambda: later))
    assert scene.runner.busy() == 1
    later.callback(None)
    assert scene.busy == [0, 0]


def test_a_job_that_another_has_is_stopped_and_not_reported() -> None:
    scene = Scene()
    scene.begin(1, waits)
    done = scene.drain()
    scene.runner.drop("0-a-1")
    assert (scene.ends, scene.runner.held(), done) == ([], 0, [None])


def test_a_client_knows_the_hosts_that_the_limit_of_its_job_names() -> None:
    scene = Scene()

    @job(name="echo", limit=Limit(hosts=("api.example.com",)))
    def calls(context: Context) -> None:
        assert context.http

    scene.runner.begin(claim(1), handler(calls), 0)
    assert scene.upstreams.client.call_args.args[0].hosts == ("api.example.com",)


# -- time --


@pytest.fixture
def contexts() -> list[Context]:
    return []


def begin_with(scene: Scene, contexts: list[Context], since: float = 0, **times: int) -> Claim:
    @job(name="echo", timeout=99)
    def looks(context: Context) -> Deferred[None]:
        contexts.append(context)
        assert context.http
        return Deferred()

    made = msgspec.structs.replace(claim(1), **times)
    scene.runner.begin(made, handler(looks), since)
    return made


def test_the_time_to_the_deadline_is_told_by_the_clock_of_redis(contexts: list[Context]) -> None:
    """Which may be far from that of this machine."""
    scene = Scene()
    begin_with(scene, contexts, started=7_000_000, deadline=7_005_000)
    assert contexts[0].deadline == 1e9 + 5
    assert scene.upstreams.client.call_args.args[0].deadline == 5  # by the reactor's clock
    scene.clock.advance(5)
    assert [end.state for end in scene.ends] == [State.EXPIRED]


def test_a_timeout_before_the_deadline_is_one(contexts: list[Context]) -> None:
    scene = Scene()
    begin_with(scene, contexts, started=7_000_000, deadline=8_000_000)
    assert contexts[0].deadline == 1e9 + 99
    scene.clock.advance(99)
    assert [end.state for end in scene.ends] == [State.FAILED]


def test_a_job_whose_deadline_has_passed_is_not_started(contexts: list[Context]) -> None:
    scene = Scene()
    begin_with(scene, contexts, started=7_000_000, deadline=6_000_000)
    assert contexts == []
    assert [end.state for end in scene.ends] == [State.EXPIRED]


def test_the_time_that_a_claim_waited_here_is_no_more_there_for_the_job(contexts: list[Context]) -> None:
    scene = Scene()
    scene.clock.advance(9)
    begin_with(scene, contexts, since=6, started=7_000_000, deadline=7_005_000)
    assert contexts[0].deadline == 1e9 + 9 + 2
    begin_with(scene, contexts, since=4, started=7_000_000, deadline=7_005_000)
    assert len(contexts) == 1
    assert [end.state for end in scene.ends] == [State.EXPIRED]


def test_without_the_time_of_the_claim_this_machines_clock_has_to_do(contexts: list[Context]) -> None:
    scene = Scene()
    begin_with(scene, contexts, deadline=1_000_000_005_000)
    assert contexts[0].deadline == 1e9 + 5


def test_a_context_counts_every_start(contexts: list[Context]) -> None:
    scene = Scene()
    begin_with(scene, contexts, starts=4)
    assert (contexts[0].attempt, contexts[0].starts) == (1, 4)


def test_what_is_said_of_progress_never_fails_a_job(contexts: list[Context]) -> None:
    scene = Scene()
    begin_with(scene, contexts)
    odd: list[Any] = [float("nan"), None, "half"]
    for fraction in odd:
        contexts[0].progress(fraction)
    contexts[0].progress(1.0000001, "caf\udce9")
    assert scene.said == [("0-a-1", '{"fraction":1.0,"message":"caf?","start":1,"number":4}')]


def test_the_clock_of_the_machine_is_the_usual_one() -> None:
    assert Equipment(Mock(), {}, Mock(), Mock()).now is time.time
