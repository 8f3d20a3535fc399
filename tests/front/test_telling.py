"""Whoever listens hears of each request once, and how it ended."""

from __future__ import annotations

from collections import Counter

import pytest

from relay.front.hold.hold import Hold
from relay.model.problems.request import StoreAway
from relay.model.state import State
from relay.telemetry.counts import Counts
from relay.telemetry.events import OPEN, Asked, Events, several
from tests.front.scene import Scene

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Ear(Events):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.ends: Counter[tuple[int, str]] = Counter()
        self.written: list[float] = []
        self.commits: list[float] = []
        self.left: list[float] = []
        self.beats = 0
        self.submissions: list[tuple[str, bool]] = []

    def asked(self, asked: Asked) -> None:
        self.requests.append(asked)

    def request_ended(self, status: int, end: str, late: float = -1.0) -> None:
        self.ends[status, end] += 1
        if late >= 0:
            self.written.append(late)

    def abandoned(self, seconds: float) -> None:
        self.left.append(seconds)

    def committed(self, id: str, seconds: float) -> None:
        self.commits.append(seconds)

    def beat(self) -> None:
        self.beats += 1

    def submitted(self, job: str, caller: str, is_new: bool) -> None:
        self.submissions.append((job, is_new))


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def scene(ear: Ear) -> Scene:
    return Scene(events=ear)


def test_a_request_that_is_answered_within_the_grace_is_told_with_all_that_is_known_of_it(
    scene: Scene, ear: Ear
) -> None:
    scene.ask("POST", "/jobs/echo?secret=1", {}, {"traceparent": TRACE, "Idempotency-Key": "k"})
    scene.pass_time(2)
    outcome = scene.end()
    (asked,) = ear.requests
    assert (asked.method, asked.path, asked.status, asked.end) == ("POST", "/jobs/echo", 200, "answered")
    assert (asked.id, asked.job, asked.owner, asked.trace) == (outcome.id, "echo", "anonymous", TRACE)
    assert (asked.held, asked.silent, asked.committed, asked.beats) == (2, 2, False, 0)
    assert asked.key
    assert asked.sent > 0
    assert ear.ends == {(200, "answered"): 1}
    assert ear.submissions == [("echo", True)]
    assert ear.written == [0]


def test_a_request_that_is_answered_after_heartbeats_is_told_with_them(scene: Scene, ear: Ear) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {})
    scene.pass_time(15)
    scene.end()
    (asked,) = ear.requests
    assert (asked.status, asked.end, asked.committed) == (200, "answered", True)
    assert (asked.held, asked.silent, asked.beats) == (15, 5, 2)  # one at 5, one at 13
    assert asked.closed == OPEN
    assert (ear.commits, ear.beats) == ([5], 1)
    visitor.loseConnection()  # the client has its answer, and goes
    assert ear.ends == {(200, "answered"): 1}


@pytest.mark.parametrize(("seconds", "status"), [(1, 0), (7, 200)])
def test_a_client_that_goes_away_is_told_as_that(scene: Scene, ear: Ear, seconds: int, status: int) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {})
    scene.pass_time(seconds)
    visitor.loseConnection()
    scene.end()
    (asked,) = ear.requests
    assert (asked.status, asked.end, asked.held, asked.closed) == (status, "abandoned", seconds, seconds)
    assert ear.ends == {(status, "abandoned"): 1}
    assert ear.left == [seconds]
    assert ear.written == []


def test_an_answer_that_is_written_to_a_client_that_had_closed_its_side_is_told_with_the_time(
    scene: Scene, ear: Ear
) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {})
    scene.pass_time(3)
    visitor.protocol.readConnectionLost()
    scene.pass_time(1)
    visitor.protocol.readConnectionLost()
    scene.end()
    (asked,) = ear.requests
    assert (asked.end, asked.status, asked.held, asked.closed) == ("answered", 200, 4, 3)


def test_a_client_that_closed_its_side_was_gone_from_then_on_if_it_is_not_there_later(
    scene: Scene, ear: Ear
) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {})
    scene.pass_time(3)
    visitor.protocol.readConnectionLost()  # what a proxy's end of a connection looks like
    scene.pass_time(2)  # until a heartbeat is sent, which is answered with a reset
    visitor.protocol.half_closed()  # met again, as whatever reads the socket from then on does
    visitor.loseConnection()
    (asked,) = ear.requests
    assert (asked.end, asked.status, asked.held, asked.closed) == ("abandoned", 200, 5, 3)
    assert ear.ends == {(200, "abandoned"): 1}
    assert ear.left == [3]


@pytest.mark.parametrize(("wait", "status"), [(3, 202), (8, 200)])
def test_a_wait_that_is_over_before_the_job_is_incomplete(
    scene: Scene, ear: Ear, wait: int, status: int
) -> None:
    scene.ask("POST", "/jobs/echo", {}, {"Prefer": f"wait={wait}"})
    scene.pass_time(wait + 1)
    assert ear.ends == {(status, "incomplete"): 1}
    assert [asked.end for asked in ear.requests] == ["incomplete"]


@pytest.mark.parametrize(("seconds", "status"), [(1, 202), (7, 200)])
def test_a_client_that_has_to_reattach_is_told_as_that(
    scene: Scene, ear: Ear, seconds: int, status: int
) -> None:
    scene.ask("POST", "/jobs/echo", {})
    scene.pass_time(seconds)
    (hold,) = scene.wheel
    assert isinstance(hold, Hold)
    hold.reattach()
    assert ear.ends == {(status, "reattach"): 1}


@pytest.mark.parametrize(("seconds", "status"), [(1, 0), (7, 200)])
def test_an_answer_that_relay_can_not_make_is_cut(
    scene: Scene, ear: Ear, seconds: int, status: int, no_logged_failures: list
) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {})
    scene.pass_time(seconds)
    scene.room.fail(scene.last(), ValueError("a fault of ours"))
    assert visitor.aborted
    assert ear.ends == {(status, "cut"): 1}
    assert [(asked.status, asked.end) for asked in ear.requests] == [(status, "cut")]
    no_logged_failures.clear()


def test_requests_that_are_not_held_are_told_without_what_lets_others_in(scene: Scene, ear: Ear) -> None:
    scene.call("POST", "/jobs/echo", {}, {"Prefer": "respond-async"})
    scene.call("GET", f"/jobs/{scene.last()}")
    scene.call("GET", "/tickets/which-lets-in?also=1")
    scene.call("GET", "/nowhere")
    scene.store.fails = StoreAway()
    scene.call("GET", f"/jobs/{scene.last()}")
    asked = [(each.path, each.status, each.id, each.problem) for each in ear.requests]
    assert asked == [
        ("/jobs/echo", 202, scene.last(), ""),
        (f"/jobs/{scene.last()}", 200, scene.last(), ""),
        ("/tickets/…", 403, "", "forbidden"),
        ("/nowhere", 404, "", "no-such-page"),
        (f"/jobs/{scene.last()}", 503, "", "store-away"),
    ]
    assert {each.end for each in ear.requests} == {"answered"}


def test_a_request_that_is_none_is_counted(scene: Scene, ear: Ear) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Content-Length": "-1"})
    answer = visitor.answer()
    assert answer is not None
    assert ear.ends == {(answer.status, "answered"): 1}


@pytest.mark.parametrize("seconds", [1, 7], ids=["in grace", "committed"])
@pytest.mark.parametrize(
    ("state", "payload", "problem"),
    [
        (State.FAILED, '{"type":"/problems/card-declined","status":402}', "card-declined"),
        (State.FAILED, "job-timeout", "job-timeout"),
        (State.EXPIRED, "", "expired"),
    ],
)
def test_the_problem_of_a_job_is_told_with_its_request(
    scene: Scene, ear: Ear, seconds: int, state: State, payload: str, problem: str
) -> None:
    scene.ask("POST", "/jobs/echo", {})
    scene.pass_time(seconds)
    scene.end(state=state, payload=payload)
    (asked,) = ear.requests
    assert (asked.end, asked.problem) == ("answered", problem)


def test_a_body_that_is_too_large_is_told_with_its_path(ear: Ear) -> None:
    scene = Scene(events=ear, body_limit=10)
    scene.ask("POST", "/jobs/echo", {"more": "than ten bytes"}, {"traceparent": TRACE})
    (asked,) = ear.requests
    assert (asked.method, asked.path, asked.status) == ("POST", "/jobs/echo", 413)
    assert (asked.problem, asked.trace) == ("too-large", TRACE)


def test_the_address_is_that_of_the_client_behind_the_proxies(ear: Ear) -> None:
    scene = Scene(events=ear, trusted_proxy=("unix:",))
    scene.call("GET", "/nowhere", headers={"X-Forwarded-For": "203.0.113.7"})
    scene.call("GET", "/nowhere")
    assert [asked.address for asked in ear.requests] == ["203.0.113.7", "unix:"]


def test_what_is_heard_is_not_remembered_where_nobody_hears_of_requests() -> None:
    counts = Counts()
    scene = Scene(events=several([counts]))
    scene.ask("POST", "/jobs/echo", {})
    (hold,) = scene.wheel
    assert hold._trail is None  # type: ignore[attr-defined]
    scene.end()
    requests = {each.labels: each.value for each in counts.samples("front")["relay_requests_total"]}
    assert requests == {("200", "answered"): 1, ("0", "cut"): 0, ("200", "cut"): 0}
