"""A held request in its three phases, with a clock and a transport in memory."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any
from unittest.mock import Mock

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure

from relay.front import answers
from relay.front.hold.context import HoldContext
from relay.front.hold.hold import Hold
from relay.front.hold.places import Places
from relay.front.hold.policy import HoldPolicy
from relay.front.hold.timing_wheel import Wheel
from relay.front.takeover.successor import Successor
from relay.http.connections import Connections
from relay.http.doors import Doors
from relay.http.site import Site
from relay.model.caller import Caller
from relay.model.problems.request import StoreAway, StoreReset
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.net.outgoing import PATIENCE, Parting
from relay.submitting.waiters import Waiter, Waiters

ID = "0-epoch-random"
STANDING = JobStatus(ID, "resize", State.RUNNING, 1_000_000, 1_001_000, 1)
OUTCOME = Outcome(ID, "resize", State.SUCCEEDED, 1_000_000, 1_001_000, 1_009_000, 2_000_000, 1, '{"ok":true}')
TERMS = HoldPolicy(wait=60, commit=5, heartbeat=8, true_status=True)


class Transport(StringTransportWithDisconnection):
    """A connection whose protocol can be exchanged, and which is lost when it is closed or aborted."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()

    def take(self) -> bytes:
        data: bytes = self.value()
        self.clear()
        return data


class StillRunning:
    """A job service that knows one job."""

    draining = False

    def __init__(self) -> None:
        self.known: Any = STANDING
        self.asked = ID
        self.abandoned: list[str] = []
        self.outcomes: list[Outcome] = []

    def collected(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def now(self) -> float:
        return 1.0

    def abandon(self, id: str) -> None:
        self.abandoned.append(id)

    async def look(self, owner: str, id: str) -> JobStatus | Outcome:
        assert (owner, id) == ("me", self.asked)
        if isinstance(self.known, Exception):
            raise self.known
        return self.known  # type: ignore[no-any-return]


def doors(clock: Clock) -> Doors:
    return Doors(clock.seconds, 1000, 0, lambda address: False)


class Scene:
    """One connection to a site whose only page is a hold. `room`: where it waits, if that matters."""

    def __init__(
        self,
        terms: HoldPolicy,
        request: bytes = b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        room: Waiters | None = None,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.wheel = Wheel(self.clock)
        self.wheel.start()
        self.jobs = StillRunning()
        self.left: list[Waiter] = []
        self.waiter = Waiter(ID, self.left.append) if room is None else room.enter(ID)
        self.doors = doors(self.clock)
        context = HoldContext(  # type: ignore[arg-type]
            self.clock,
            self.wheel,
            self.jobs,
            Parting(self.clock),
            self.doors,
            "/v1",
            room or Waiters(),
            Successor(Mock(), Mock()),
            Places(),
            Mock(),
        )
        hold = self.hold = Hold(context, terms, Caller("me"), STANDING, self.waiter)

        class Pages:
            serve = staticmethod(lambda request: hold)
            refuse = staticmethod(lambda error, headers: answers.problem(error, ""))

        site = Site(Connections(self.clock, Pages(), 1000, 75, self.doors))
        site.startFactory()
        self.connection = site.buildProtocol(None)
        self.transport = Transport()
        self.transport.protocol = self.connection
        self.connection.makeConnection(self.transport)
        self.connection.dataReceived(request)

    def disconnect(self) -> None:
        self.transport.protocol.connectionLost(Failure(ConnectionDone()))

    def envelope(self, data: bytes) -> Any:
        return json.loads(data.partition(b"\r\n\r\n")[2])

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.25] * int(seconds * 4))


def chunks(data: bytes) -> list[bytes]:
    read = []
    while data:
        size, _, data = data.partition(b"\r\n")
        read.append(data[: int(size, 16)])
        data = data[int(size, 16) + 2 :]
    return read


def test_within_the_grace_nothing_is_sent_and_the_answer_has_status_and_length() -> None:
    scene = Scene(TERMS)
    scene.pass_time(4.5)
    assert scene.transport.take() == b""
    scene.waiter.callback(OUTCOME)
    answer = scene.transport.take()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: " in answer
    assert b"Location: /v1/jobs/0-epoch-random\r\n" in answer
    assert scene.envelope(answer)["result"] == {"ok": True}
    assert scene.transport.connected
    assert len(scene.wheel) == 0


def test_the_head_and_the_first_heartbeat_are_one_write() -> None:
    scene = Scene(TERMS)
    writes: list[bytes] = []
    write = scene.transport.write
    scene.transport.write = lambda data: (writes.append(data), write(data))[1]
    scene.pass_time(5.5)
    (head,) = writes
    assert head.endswith(b"\r\n\r\n1\r\n\n\r\n")


def test_heartbeats_keep_their_pause_and_the_envelope_ends_it() -> None:
    scene = Scene(TERMS)
    scene.pass_time(5.5)
    scene.transport.take()
    for _ in range(3):
        scene.pass_time(8)
        assert chunks(scene.transport.take()) == [b"\n"]
    scene.waiter.callback(OUTCOME)
    envelope, end = chunks(scene.transport.take())
    assert json.loads(envelope)["state"] == "succeeded"
    assert end == b""
    assert not scene.transport.connected
    assert len(scene.wheel) == 0


def test_committing_lets_go_of_the_connection() -> None:
    scene = Scene(TERMS)
    gone = weakref.ref(scene.connection)
    del scene.connection
    assert gone() is not None
    scene.pass_time(5.5)
    assert scene.transport.protocol is scene.hold
    gc.disable()
    assert gone() is None
    gc.enable()
    scene.waiter.callback(OUTCOME)


def test_who_meets_a_hold_in_a_debugger_sees_whose_it_is_and_how_far() -> None:
    scene = Scene(TERMS)
    scene.connection.address = "203.0.113.9"
    scene.doors.enter("203.0.113.9")
    about = f"<{Hold.__name__} of job {ID} for 203.0.113.9, "
    assert repr(scene.hold) == f"{about}in grace>"
    assert (
        repr(scene.connection)
        == f"<{type(scene.connection).__name__} of 203.0.113.9, serving {about}in grace>>"
    )
    scene.pass_time(5.5)
    assert repr(scene.hold) == f"{about}committed>"
    scene.waiter.callback(OUTCOME)
    assert repr(scene.hold) == f"{about}over>"


def test_a_wait_that_runs_out_in_the_grace_is_202() -> None:
    scene = Scene(HoldPolicy(wait=3, commit=5, heartbeat=8, true_status=True, applied="wait=3"))
    scene.pass_time(3.5)
    answer = scene.transport.take()
    assert answer.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert b"Retry-After: 1\r\n" in answer
    assert b"Preference-Applied: wait=3\r\n" in answer
    assert scene.envelope(answer)["complete"] is False
    assert scene.left == [scene.waiter]
    assert len(scene.wheel) == 0


def test_a_wait_that_runs_out_after_the_commitment_ends_in_an_incomplete_envelope() -> None:
    scene = Scene(TERMS)
    scene.pass_time(61)
    *beats, envelope, end = chunks(scene.transport.take().partition(b"\r\n\r\n")[2])
    assert beats == [b"\n"] * 7
    assert json.loads(envelope)["complete"] is False
    assert end == b""
    assert not scene.transport.connected


def test_a_job_that_ended_as_the_wait_ran_out_is_told() -> None:
    scene = Scene(TERMS)
    scene.pass_time(59)
    scene.jobs.known = OUTCOME
    scene.transport.take()
    scene.pass_time(2)
    envelope, _ = chunks(scene.transport.take())
    assert json.loads(envelope)["complete"] is True


def test_a_store_that_is_away_as_the_wait_runs_out_does_not_keep_the_answer() -> None:
    scene = Scene(TERMS)
    scene.jobs.known = StoreAway()
    scene.pass_time(61)
    *_, envelope, end = chunks(scene.transport.take().partition(b"\r\n\r\n")[2])
    assert json.loads(envelope)["state"] == "running"
    assert end == b""


@pytest.mark.parametrize("seconds", [1, 6, 20])
def test_a_client_that_goes_away_is_forgotten(seconds: int) -> None:
    scene = Scene(TERMS)
    scene.pass_time(seconds)
    scene.transport.take()
    scene.disconnect()
    assert scene.left == [scene.waiter]
    assert len(scene.wheel) == 0
    scene.pass_time(100)
    assert scene.transport.take() == b""


@pytest.mark.parametrize("seconds", [1, 6])
@pytest.mark.parametrize("cancel", [True, False])
def test_a_client_that_wanted_its_job_for_itself_takes_it_along(seconds: int, cancel: bool) -> None:
    scene = Scene(HoldPolicy(wait=60, commit=5, heartbeat=8, true_status=True, cancel=cancel))
    scene.pass_time(seconds)
    scene.disconnect()
    assert scene.jobs.abandoned == ([ID] if cancel else [])


OTHER = "0-e-other"


@pytest.mark.parametrize("seconds", [1, 6])
def test_a_client_whose_job_is_another_by_now_takes_that_one_along(seconds: int) -> None:
    room = Waiters()
    policy = HoldPolicy(wait=60, commit=5, heartbeat=8, true_status=True, cancel=True)
    scene = Scene(policy, room=room)
    scene.pass_time(seconds)
    room.move(ID, OTHER)
    scene.disconnect()
    assert scene.jobs.abandoned == [OTHER]
    assert len(room) == 0


def test_a_client_whose_job_is_another_by_now_is_told_of_that_one_when_its_wait_is_over() -> None:
    room = Waiters()
    scene = Scene(TERMS, room=room)
    scene.pass_time(6)
    room.move(ID, OTHER)
    scene.jobs.asked, scene.jobs.known = OTHER, StoreAway()
    scene.transport.take()
    scene.pass_time(60)
    *_, body, end = chunks(scene.transport.take())
    assert (json.loads(body)["id"], end) == (OTHER, b"")


def test_a_client_that_got_its_answer_takes_nothing_along() -> None:
    scene = Scene(HoldPolicy(wait=60, commit=5, heartbeat=8, true_status=True, cancel=True))
    scene.waiter.callback(OUTCOME)
    scene.disconnect()
    assert scene.jobs.abandoned == []


@pytest.mark.parametrize("seconds", [1, 6])
def test_an_outcome_counts_as_collected_once_it_was_written_and_not_before(seconds: int) -> None:
    scene, gone = Scene(TERMS), Scene(TERMS)
    for each in (scene, gone):
        each.pass_time(seconds)
        assert each.jobs.outcomes == []
    scene.waiter.callback(OUTCOME)
    assert scene.jobs.outcomes == [OUTCOME]
    gone.disconnect()
    assert gone.jobs.outcomes == []


@pytest.mark.parametrize("seconds", [1, 6])
def test_what_a_client_is_sent_that_closed_its_side_is_not_known_to_be_collected(seconds: int) -> None:
    scene = Scene(TERMS)
    scene.pass_time(seconds)
    scene.hold.half_closed()
    scene.pass_time(1)
    scene.waiter.callback(OUTCOME)
    assert b'"ok":true' in scene.transport.take()
    assert scene.jobs.outcomes == []


def test_a_client_that_closed_its_side_is_asked_by_two_heartbeats_whether_it_reads() -> None:
    scene = Scene(TERMS)
    scene.pass_time(6)
    scene.transport.take()
    scene.hold.half_closed()
    assert scene.transport.take() == b"1\r\n\n\r\n"
    scene.pass_time(1.5)
    assert scene.transport.take() == b"1\r\n\n\r\n"
    scene.pass_time(7)
    assert scene.transport.take() == b""


@pytest.mark.parametrize(("wait", "aborted"), [(60, True), (5, False)])
def test_without_heartbeats_a_client_that_closed_its_side_is_waited_for_a_moment_only(
    wait: int, aborted: bool
) -> None:
    scene = Scene(HoldPolicy(wait=wait, commit=wait, heartbeat=0, true_status=True))
    scene.pass_time(1)
    scene.hold.half_closed()
    assert scene.transport.aborted is aborted


def test_an_outcome_that_will_never_be_known_is_a_problem_in_the_grace_and_a_cut_after_it() -> None:
    scene = Scene(TERMS)
    scene.waiter.callback(Failure(StoreReset()))
    assert scene.transport.take().startswith(b"HTTP/1.1 410 ")
    scene = Scene(TERMS)
    scene.pass_time(6)
    scene.transport.take()
    scene.waiter.callback(Failure(StoreReset()))
    assert scene.transport.aborted
    assert scene.transport.take() == b""


@pytest.mark.parametrize(("seconds", "is_202"), [(1, True), (6, False)])
def test_a_client_is_sent_elsewhere_when_the_process_drains(seconds: int, is_202: bool) -> None:
    scene = Scene(TERMS)
    scene.pass_time(seconds)
    scene.hold.reattach()
    answer = scene.transport.take()
    assert answer.startswith(b"HTTP/1.1 202") is is_202
    assert b'"reattach":true' in answer
    assert len(scene.wheel) == 0


@pytest.mark.parametrize("seconds", [1, 6])
def test_an_answer_that_can_not_be_made_is_a_cut_never_a_lie(
    seconds: int, no_logged_failures: list[Any]
) -> None:
    scene = Scene(TERMS)
    scene.pass_time(seconds)
    scene.transport.take()
    broken = Outcome(ID, "resize", State.FAILED, 1, 1, 1, 1, 1, "{not JSON")
    scene.waiter.callback(broken)
    assert scene.transport.aborted
    assert scene.transport.take() == b""
    assert len(no_logged_failures) == 1
    no_logged_failures.clear()


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (OUTCOME, 200),
        (Outcome(ID, "resize", State.CANCELLED, 1, 0, 2, 3, 0, ""), 409),
        (Outcome(ID, "resize", State.EXPIRED, 1, 0, 2, 3, 0, ""), 500),
        (Outcome(ID, "resize", State.FAILED, 1, 0, 2, 3, 0, '{"type":"/problems/x","status":418}'), 418),
        (Outcome(ID, "resize", State.FAILED, 1, 0, 2, 3, 0, '{"type":"/problems/x","status":503}'), 500),
        (Outcome(ID, "resize", State.FAILED, 1, 0, 2, 3, 0, '{"type":"/problems/x","status":502}'), 500),
    ],
)
def test_the_status_within_the_grace_is_the_outcomes_for_a_submission_and_200_for_a_look(
    outcome: Outcome, status: int
) -> None:
    for true_status, expected in ((True, status), (False, 200)):
        scene = Scene(HoldPolicy(wait=60, commit=5, heartbeat=8, true_status=true_status))
        scene.waiter.callback(outcome)
        assert scene.transport.take().startswith(b"HTTP/1.1 %d " % expected)


def test_a_peer_of_http_1_0_gets_no_chunks() -> None:
    scene = Scene(TERMS, b"POST / HTTP/1.0\r\n\r\n")
    scene.pass_time(13.5)
    head, _, beats = scene.transport.take().partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert beats == b"\n\n"
    scene.waiter.callback(OUTCOME)
    assert json.loads(scene.transport.take())["complete"] is True


def test_what_is_sent_after_a_committed_request_is_ignored() -> None:
    scene = Scene(TERMS)
    scene.pass_time(5.5)
    scene.transport.take()
    scene.transport.protocol.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    assert scene.transport.take() == b""
    scene.waiter.callback(OUTCOME)


def test_a_hold_is_small() -> None:
    scene = Scene(TERMS)
    assert not hasattr(scene.hold, "__dict__")
    scene.waiter.callback(OUTCOME)


def test_who_sends_too_much_behind_a_silent_hold_is_still_seen_to_go() -> None:
    scene = Scene(HoldPolicy(wait=600, commit=600, heartbeat=0, true_status=True))
    more = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n" + b"x" * 900
    while scene.transport.producerState == "producing":
        scene.connection.dataReceived(more * 50)
    scene.pass_time(PATIENCE + 1)
    assert scene.transport.producerState == "producing"
    scene.connection.dataReceived(more * 1000)
    scene.connection.readConnectionLost()
    assert scene.transport.aborted
    assert len(scene.wheel) == 0


def test_who_sent_too_much_behind_a_silent_hold_gets_its_answer() -> None:
    scene = Scene(HoldPolicy(wait=600, commit=600, heartbeat=0, true_status=True))
    while scene.transport.producerState == "producing":
        scene.connection.dataReceived(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
    scene.pass_time(PATIENCE + 1)
    scene.waiter.callback(OUTCOME)
    answer = scene.transport.take()
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"Connection: close" in answer
