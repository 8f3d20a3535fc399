"""What a job puts out, as lines of JSON; and events told by a ticket, to pages of other origins, to those who count."""

from __future__ import annotations

import time
from typing import Any

import pytest

from relay.front.hold import event_hold
from relay.front.hold import hold as hold_module
from relay.front.hold.event_streams import EVENTS, LINES, event_stream
from relay.model import tickets
from relay.model.problems.request import StoreAway
from relay.telemetry.events import Asked, Events
from tests.front.event_scene import LINES as ACCEPTS_LINES
from tests.front.event_scene import EventScene, Viewer
from tests.front.scene import SECRET


@pytest.fixture
def scene() -> EventScene:
    return EventScene()


def test_what_is_put_out_is_a_line_each_and_the_envelope_is_the_last(scene: EventScene) -> None:
    viewer = scene.front.post({**ACCEPTS_LINES, "Prefer": "heartbeat=1"})
    run = scene.begin()
    run.progress(0.5)
    run.emit("a", {"b": ["c\n", "ü"]})
    scene.pass_time(1.25)
    run.retry()
    scene.pass_time(1)
    again = scene.begin()
    again.emit(1.5)
    again.end(payload="[2]")
    lines = [line for line in viewer.lines() if line]
    ids = [line.pop("id") for line in lines if "event" in line and line["event"] == "output"]
    assert lines[:-1] == [
        {"event": "output", "attempt": 1, "data": "a"},
        {"event": "output", "attempt": 1, "data": {"b": ["c\n", "ü"]}},
        {"event": "reset", "attempt": 2},
        {"event": "output", "attempt": 2, "data": 1.5},
    ]
    assert (lines[-1]["complete"], lines[-1]["result"]) == (True, [2])
    assert [id[:7] for id in ids] == ["1.1.1.1", "1.1.2.1", "2.1.1.0"]
    assert "Content-Type: application/x-ndjson\r\n" in viewer.head
    assert viewer.is_over
    resumed = scene.front.events(run.id, ids[1], ACCEPTS_LINES).lines()
    assert [line.get("data") for line in resumed if line and "event" in line] == [None, 1.5]


def test_heartbeats_are_empty_lines(scene: EventScene) -> None:
    viewer = scene.front.post({**ACCEPTS_LINES, "Prefer": "heartbeat=2"})
    assert viewer.body() == b"\n"
    scene.pass_time(4.5)
    assert viewer.body() == b"\n\n"


def test_a_wait_that_is_over_is_said_by_the_last_line(scene: EventScene) -> None:
    viewer = scene.front.post({**ACCEPTS_LINES, "Prefer": "wait=3"})
    scene.begin()
    scene.pass_time(3.5)
    last = viewer.lines()[-1]
    assert (last["complete"], last["state"], "reattach" in last) == (False, "running", False)
    assert viewer.is_over


def test_a_front_that_leaves_says_so(scene: EventScene) -> None:
    viewer = scene.front.post(ACCEPTS_LINES)
    scene.front.service.stopService()
    scene.pass_time(3)
    assert viewer.lines()[-1]["reattach"] is True


def test_lines_that_can_not_be_told_now_are_a_202() -> None:
    scene = EventScene(max_held=1)
    place = scene.front.post()
    (id,) = scene.ids()
    for viewer in (scene.front.events(id, headers=ACCEPTS_LINES), scene.front.post(ACCEPTS_LINES)):
        answer = viewer.answer()
        assert answer is not None
        assert (answer.status, answer.json()["complete"]) == (202, False)
    run = scene.begin()
    other = scene.begin()
    assert (
        scene.front.ask("GET", f"/jobs/{id}", headers={"Prefer": "wait=9"}).answer() is not None
    )  # nor is this
    run.end()
    assert place.is_over
    assert other.id != id
    scene.front.events(other.id)
    answer = scene.front.events(id, headers=ACCEPTS_LINES).answer()
    assert answer is not None
    assert (answer.status, answer.json()["complete"]) == (200, True)


def test_lines_of_a_store_that_is_away_are_an_error(scene: EventScene) -> None:
    scene.front.post()
    (id,) = scene.ids()
    scene.front.store.fails = StoreAway()
    answer = scene.front.events(id, headers=ACCEPTS_LINES).answer()
    assert answer is not None
    assert answer.status == 503


def test_all_forms_are_known_by_their_names() -> None:
    """By which the next front knows them."""
    for name in (EVENTS, LINES):
        for chunked in (False, True):
            form = event_stream(name, chunked)
            assert (form.name, form.chunked) == (name, chunked)
            assert form.events([]) == b""
    assert (EVENTS, LINES) == ("events", "lines")


def test_a_client_with_a_ticket_is_told_events(scene: EventScene) -> None:
    scene.front.post()
    (id,) = scene.ids()
    ticket = tickets.sign(SECRET, tickets.Ticket(id, time.time() + 60, ""))
    viewer = scene.front.ask("GET", f"/tickets/{ticket}/events")
    scene.begin().end()
    assert viewer.names() == ["", "queued", "started", "succeeded"]
    assert "Idempotency-Replayed" not in viewer.head
    assert scene.front.call("GET", f"/tickets/{ticket}x/events").status == 403
    assert scene.front.call("HEAD", f"/tickets/{ticket}/events").status == 200


def test_a_ticket_says_that_its_key_stood_for_a_job_that_had_ended(scene: EventScene) -> None:
    scene.front.post()
    run = scene.begin()
    ticket = tickets.sign(SECRET, tickets.Ticket(run.id, time.time() + 60, "", replayed=True))
    viewer = scene.front.ask("GET", f"/tickets/{ticket}/events")
    run.end()
    last = viewer.events()[-1].id
    assert "Idempotency-Replayed" not in viewer.head  # as of a held request: the job had not ended
    viewer = scene.front.ask("GET", f"/tickets/{ticket}/events")
    assert viewer.names() == ["", "succeeded"]
    assert "Idempotency-Replayed: true\r\n" in viewer.head
    answer = scene.front.call("GET", f"/tickets/{ticket}/events", {"Last-Event-ID": last})
    assert (answer.status, answer.headers["idempotency-replayed"]) == (204, "true")


def test_a_look_that_is_no_more_than_a_head_is_not_held(scene: EventScene) -> None:
    scene.front.post()
    (id,) = scene.ids()
    assert scene.front.call("HEAD", f"/jobs/{id}/events").status == 200


def test_pages_of_other_origins_may_read_events() -> None:
    origin = {"Origin": "https://app.example"}
    scene = EventScene(cors=("https://app.example",))
    viewer = scene.front.post(origin)
    viewer.body()
    assert "Access-Control-Allow-Origin: https://app.example\r\n" in viewer.head
    assert "Relay-Event-ID" in viewer.head


class Unread(Viewer):
    """A client that reads nothing."""

    left = 0

    def waiting(self) -> int:
        return self.left


def test_a_client_that_does_not_read_is_cut(scene: EventScene) -> None:
    """And goes on where it was, when it comes back."""
    viewer, other = scene.front.post(), scene.front.post()
    run, _ = scene.begin(), scene.begin()
    events = viewer.events()
    assert events
    (hold,) = [hold for hold in scene.front.service._wheel if hold.transport is viewer]
    slow = Unread()
    slow.protocol, hold.transport = hold, slow
    run.emit("a")
    slow.left = event_hold.MOST_UNSENT + 1
    assert slow.connected
    run.emit("b")
    assert not slow.connected
    assert slow.aborted
    assert other.connected


class Hearing(Events):
    """Hears of requests."""

    def __init__(self) -> None:
        self.heard: list[Asked] = []
        self.counted: list[tuple[int, str]] = []

    def asked(self, asked: Asked) -> None:
        self.heard.append(asked)

    def request_ended(self, status: int, end: str, late: float = -1.0) -> None:
        self.counted.append((status, end))
        self.late = late


def test_whoever_counts_hears_how_it_ended() -> None:
    events = Hearing()
    scene = EventScene(events=events)
    viewer = scene.front.post({"Prefer": "heartbeat=2"})
    run = scene.begin()
    scene.pass_time(5)
    run.end()
    assert viewer.is_over
    (asked,) = events.heard
    assert (asked.status, asked.end, asked.committed, asked.beats, asked.silent) == (
        200,
        "answered",
        True,
        3,
        0,
    )
    assert (asked.id, asked.held) == (run.id, 5)
    assert events.late == 0
    scene.pass_time(20)
    scene.front.events(run.id)
    assert events.counted == [(200, "answered")] * 2
    assert events.late == -1  # it had ended before


def test_places_of_a_caller_are_free_again(scene: EventScene) -> None:
    ticket = ""
    scene.front.post()
    (id,) = scene.ids()
    ticket = tickets.sign(SECRET, tickets.Ticket(id, time.time() + 60, ""))
    viewers: list[Any] = [scene.front.ask("GET", f"/tickets/{ticket}/events") for _ in range(20)]
    assert scene.front.ask("GET", f"/tickets/{ticket}/events").answer().body[:6] == b"retry:"  # type: ignore[union-attr]
    viewers[0].loseConnection()
    assert scene.front.ask("GET", f"/tickets/{ticket}/events").names() == ["", "queued"]


def test_a_front_before_this_version_is_given_nobody_who_is_told_events(
    scene: EventScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go on as if they waited for an envelope alone."""
    monkeypatch.setattr(hold_module, "ClientSocket", Viewer)  # as if these connections could be handed over
    viewer = scene.front.post()
    viewer.events()
    (hold,) = scene.front.service._wheel
    successor = scene.front.service._departure.successor
    successor.takes = True
    assert not hold.hand_over(0)
    late = scene.front.post()
    assert late.is_over  # and whoever comes is to come back, to another front
    assert viewer.connected
