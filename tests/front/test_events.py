"""Clients are told what happens to their jobs, as server-sent events."""

from __future__ import annotations

import itertools
from typing import Any
from zlib import crc32

import pytest

from relay.model.problems.request import NoSuchJob, StoreAway, StoreReset
from relay.model.state import State
from relay.store import pieces
from relay.store.mail import MailKind
from relay.store.memory.pieces import PieceLog
from tests.front.event_scene import ACCEPTS, LINES, EventScene, Seen


@pytest.fixture
def scene() -> EventScene:
    return EventScene()


def mark(id: str) -> str:
    return f"{crc32(id.encode()) & 0xFFFF:04x}"


def position(event: Seen) -> tuple[int, ...]:
    return tuple(map(int, event.id.partition("-")[0].split(".")))


def test_all_that_happens_is_told_in_its_order(scene: EventScene) -> None:
    viewer = scene.front.post()
    first, queued = viewer.events()
    (id,) = scene.ids()
    assert first == Seen("", f"0.0.0.0-{mark(id)}", "")
    assert (queued.name, queued.id, queued.data["state"]) == ("queued", f"0.2.0.0-{mark(id)}", "queued")
    run = scene.begin()
    run.progress(0.5)
    run.emit("one", {"two": 2})
    run.emit(None)
    run.end(payload='{"done":true}')
    told = viewer.events()
    names = ["started", "progress", "output", "output", "output", "succeeded"]
    assert [event.name for event in told] == names
    assert [event.id.partition("-")[0] for event in told] == [
        *("1.1.0.0", "1.1.0.1", "1.1.1.1", "1.1.2.1", "1.1.3.1", "1.3.3.1")
    ]
    assert {event.id.partition("-")[2] for event in told} == {mark(id)}
    assert told[1].data["progress"]["fraction"] == 0.5
    assert [event.data for event in told[2:5]] == [
        {"attempt": 1, "data": "one"},
        {"attempt": 1, "data": {"two": 2}},
        {"attempt": 1, "data": None},
    ]
    assert told[-1].data["complete"]
    assert told[-1].data["result"] == {"done": True}
    assert viewer.is_over


def test_the_head_says_what_is_told_and_of_which_job(scene: EventScene) -> None:
    viewer = scene.front.post({"Prefer": "wait=20, heartbeat=3"})
    assert b"retry: 2000\nid: " in viewer.body()
    (id,) = scene.ids()
    lines = viewer.head.split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert {
        "Content-Type: text/event-stream",
        f"Location: /jobs/{id}",
        f"Relay-Job-Id: {id}",
        "Transfer-Encoding: chunked",
        "Cache-Control: no-store, no-transform",
        "Preference-Applied: wait=20, heartbeat=3",
    } <= set(lines)


def test_an_old_client_is_told_without_chunks(scene: EventScene) -> None:
    viewer = scene.front.ask("POST", "/jobs/echo", {}, ACCEPTS, version="1.0")
    assert [event.name for event in viewer.events()] == ["", "queued"]
    assert "chunked" not in viewer.head
    scene.begin().end()
    assert viewer.names() == ["started", "succeeded"]
    assert viewer.is_over


def test_heartbeats_are_comments(scene: EventScene) -> None:
    viewer = scene.front.post({"Prefer": "heartbeat=2"})
    viewer.events()
    scene.pass_time(6.25)
    assert viewer.body() == b": beat\n\n" * 3


def test_a_client_that_wants_no_heartbeat_gets_none(scene: EventScene) -> None:
    viewer = scene.front.post({"Prefer": "heartbeat=0"})
    viewer.events()
    scene.pass_time(59)
    assert viewer.body() == b""
    scene.pass_time(2)
    assert viewer.is_over


def test_a_stream_ends_when_the_wait_is_over_and_its_client_comes_back(scene: EventScene) -> None:
    viewer = scene.front.post({"Prefer": "wait=10"})
    last = viewer.events()[-1]
    scene.pass_time(10.5)
    assert viewer.events() == [Seen("", "", "beat")]
    assert viewer.is_over
    (id,) = scene.ids()
    again = scene.front.events(id, last.id)
    assert again.events() == [Seen("", last.id, "")]
    scene.begin()
    assert again.names() == ["started"]


def script(scene: EventScene) -> tuple[str, list[Seen]]:
    """A job that is tried twice; what one was told who heard all of it."""
    viewer = scene.front.post()
    run = scene.begin()
    run.emit("a")
    run.progress(0.1)
    run.emit("b", "c")
    run.retry()
    scene.pass_time(2)
    run = scene.begin()
    run.emit("d", "e")
    run.end()
    return run.id, viewer.events()


def outputs(events: list[Seen]) -> list[Any]:
    return [event.data["data"] for event in events if event.name == "output"]


def test_an_attempt_that_begins_anew_is_told_apart(scene: EventScene) -> None:
    _, told = script(scene)
    names = ["queued", "started", "output", "progress", "output", "output", "retrying", "reset", "started"]
    assert [event.name for event in told[1:]] == [*names, "output", "output", "succeeded"]
    assert [event.data["attempt"] for event in told if event.name == "output"] == [1, 1, 1, 2, 2]
    (reset,) = [event for event in told if event.name == "reset"]
    assert reset == Seen("reset", "", {"attempt": 2})
    positions = [position(event) for event in told if event.id]
    assert positions == sorted(set(positions))


def test_a_resumed_stream_tells_what_is_left(scene: EventScene) -> None:
    """Of what was put out, all; of the state, the end."""
    id, told = script(scene)
    other = scene.another("other")
    for at, event in enumerate(told[:-1]):
        if event.id:
            rest = other.events(id, event.id).events()
            assert rest[0] == Seen("", event.id, "")
            assert outputs(rest) == outputs(told[at + 1 :]), event
            assert rest[-1].data == told[-1].data
            assert rest[-1].id[:3] == "2.3"


def test_a_last_attempt_that_puts_out_nothing_is_told_apart_from_the_one_before(scene: EventScene) -> None:
    viewer = scene.front.post()
    run = scene.begin()
    run.emit("a")
    last = viewer.events()[-1].id
    viewer.loseConnection()
    run.retry()
    scene.pass_time(2)
    scene.begin().end()
    assert [event.name for event in scene.front.events(run.id, last).events()] == ["", "reset", "succeeded"]


def test_a_query_says_the_same_as_the_header(scene: EventScene) -> None:
    id, told = script(scene)
    last = next(event.id for event in told if event.name == "output")
    asked = scene.front.ask("GET", f"/jobs/{id}/events?a=b&last_event_id={last}")
    assert outputs(asked.events()) == ["b", "c", "d", "e"]
    both = {"Last-Event-ID": told[-2].id}  # a browser goes on with the URL that it had
    assert (
        outputs(scene.front.ask("GET", f"/jobs/{id}/events?last_event_id={last}", headers=both).events())
        == []
    )


def test_whoever_has_the_end_is_told_to_stop(scene: EventScene) -> None:
    id, told = script(scene)
    answer = scene.front.call("GET", f"/jobs/{id}/events", {"Last-Event-ID": told[-1].id})
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(
    "claimed",
    [
        *(
            "nonsense",
            "1.1.1.1",
            "1.1.1.1-0000",
            "01.1.1.1-MARK",
            "9.1.0.0-MARK",
            "1.1.7.0-MARK",
            "1.3.0.0-MARK",
        ),
        *("1.1.1.9-MARK", "-MARK", "1.1.1.1-MARK ü", "9" * 400),
    ],
)
def test_an_id_that_nobody_was_told_counts_as_none(scene: EventScene, claimed: str) -> None:
    """Malformed, another job's, or of what has not happened."""
    viewer = scene.front.post()
    run = scene.begin()
    run.emit("a", "b", "c")
    told = scene.front.events(run.id, claimed.replace("MARK", mark(run.id))).events()
    assert [(event.name, event.id[:7]) for event in told if event.name not in ("", "reset")] == [
        *(("started", "1.1.0.0"), ("output", "1.1.1.0"), ("output", "1.1.2.0"), ("output", "1.1.3.0"))
    ]
    assert outputs(viewer.events()) == ["a", "b", "c"]


def test_a_job_that_is_not_there_is_a_404(scene: EventScene) -> None:
    scene.front.post()
    (id,) = scene.ids()
    answer = scene.front.call("GET", f"/jobs/{id[:-1]}0/events")
    assert answer.status == 404
    assert scene.front.store.muted == []


def test_a_submission_that_is_refused_is_an_error(scene: EventScene) -> None:
    assert scene.front.ask("POST", "/jobs/unknown", {}, ACCEPTS).answer().status == 404  # type: ignore[union-attr]


def test_who_does_not_wait_is_not_told(scene: EventScene) -> None:
    for prefer in ("respond-async", "wait=0"):
        answer = scene.front.post({"Prefer": prefer}).answer()
        assert answer is not None
        assert (answer.status, answer.headers["content-type"]) == (202, "application/json")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/event-stream", "text/event-stream"),
        ("application/json", ""),
        ("*/*", ""),
        ("application/json, text/event-stream", ""),
        ("text/event-stream, application/json", "text/event-stream"),
        ("application/json;q=0.5, text/event-stream;q=0.9, */*;q=0.1", "text/event-stream"),
        ("text/event-stream;q=0", ""),
        ("application/x-ndjson, text/event-stream;q=0.9", "application/x-ndjson"),
        ("TEXT/Event-Stream; charset=utf-8", "text/event-stream"),
        (";;,=q", ""),
        ("text/event-stream" + ", a/b" * 200, "text/event-stream"),
    ],
)
def test_the_form_is_what_the_client_likes_best(scene: EventScene, accept: str, kind: str) -> None:
    viewer = scene.front.post({"Accept": accept})
    viewer.body()
    assert viewer.head.partition("Content-Type: ")[2].partition("\r\n")[0] == kind


def test_who_can_not_be_told_now_is_to_come_back(scene: EventScene) -> None:
    """An error status would have a browser give up for good."""
    scene = EventScene(max_held=1)
    scene.front.post()
    (id,) = scene.ids()
    for viewer in (scene.front.events(id), scene.front.post()):
        answer = viewer.answer()
        assert answer is not None
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
        assert 1000 <= int(answer.body.decode().removeprefix("retry: ").removesuffix("\n\n")) <= 4000
        assert answer.headers["location"].startswith("/jobs/0-")
    assert len(scene.ids()) == 2  # what was submitted is queued
    assert scene.front.call("GET", f"/jobs/{id[:-1]}0/events").status == 404


def test_a_submission_whose_events_can_not_be_read_is_queued_all_the_same(scene: EventScene) -> None:
    for error in (StoreAway(), NoSuchJob(), StoreReset()):
        scene.front.store.fails = error
        answer = scene.front.post().answer()
        assert answer is not None
        assert (answer.status, answer.body[:7]) == (200, b"retry: ")
        assert answer.headers["relay-job-id"] in scene.ids()
    assert len(scene.front.service._feeds) == 0


def test_a_store_that_is_away_is_no_reason_to_give_up(scene: EventScene) -> None:
    scene.front.post()
    (id,) = scene.ids()
    scene.front.store.fails = StoreAway()
    answer = scene.front.call("GET", f"/jobs/{id}/events")
    assert (answer.status, answer.body[:7]) == (200, b"retry: ")


def test_those_who_listen_to_one_job_are_told_the_same(scene: EventScene) -> None:
    first = scene.front.post()
    first.events()
    run = scene.begin()
    run.emit("a")
    other = scene.another("other")
    late = [scene.front.events(run.id), other.events(run.id)]
    run.emit("b")
    run.end()
    told = first.events()
    assert [viewer.events()[1:] for viewer in late] == [told, told]


def test_nothing_is_asked_for_once_they_are_all_told(scene: EventScene) -> None:
    """One reading when each comes, and one before the end."""
    viewers = [scene.front.post(), scene.front.events(scene.ids()[0])]
    run = scene.begin()
    for number in range(20):
        run.emit(number)
    assert len(scene.front.store.listened) == 2
    run.end()
    assert len(scene.front.store.listened) == 3
    for viewer in viewers:
        assert outputs(viewer.events()) == [*range(20)]


def test_the_last_who_leaves_has_nothing_more_told(scene: EventScene) -> None:
    viewers = [scene.front.post(), scene.front.events(scene.ids()[0])]
    run = scene.begin()
    viewers[0].loseConnection()
    assert scene.front.store.muted == []
    viewers[1].loseConnection()
    assert scene.front.store.muted == [run.id]
    scene.store.data.jobs[run.id].listening.append("front")  # as if it had got lost
    run.emit("a")
    run.emit("b")
    assert scene.front.store.muted == [run.id]  # not again: it was said just now
    again = scene.front.events(run.id)
    assert outputs(again.events()) == ["a", "b"]
    run.emit("c")
    assert outputs(again.events()) == ["c"]


def test_mail_about_a_job_to_which_nobody_listens_ends(scene: EventScene) -> None:
    scene.front.ask("POST", "/jobs/echo", {})
    run = scene.begin()
    scene.store.data.jobs[run.id].listening.append("front")
    run.emit("a")
    assert scene.front.store.muted == [run.id]
    assert scene.store.data.jobs[run.id].listening == []


def test_a_message_that_comes_twice_is_told_once(scene: EventScene) -> None:
    viewer = scene.front.post()
    posted: list[Any] = []
    send = scene.store.post.send
    scene.store.post.send = lambda *mail: (posted.append(mail), send(*mail))  # type: ignore[method-assign,assignment]
    run = scene.begin()
    run.emit("a", "b")
    run.progress(0.3)
    run.emit("c")
    told = viewer.events()
    for mail in posted:
        if mail[0] == "front":
            send(*mail)
    scene.turn()
    assert viewer.events() == []
    assert outputs(told) == ["a", "b", "c"]


def test_what_was_missed_is_read(scene: EventScene) -> None:
    viewer = scene.front.post()
    run = scene.begin()
    run.emit("a")
    listening, scene.store.data.jobs[run.id].listening = scene.store.data.jobs[run.id].listening, []
    run.emit("b")
    run.emit("c")
    scene.store.data.jobs[run.id].listening = listening
    run.emit("d")
    assert outputs(viewer.events()) == ["a", "b", "c", "d"]


def test_what_is_left_of_the_log_is_told_before_the_end(scene: EventScene) -> None:
    viewer = scene.front.post()
    run = scene.begin()
    run.emit("a")
    scene.store.data.jobs[run.id].listening = []
    run.emit("b")
    run.end()
    told = viewer.events()
    assert [event.name for event in told[-2:]] == ["output", "succeeded"]
    assert outputs(told) == ["a", "b"]


def test_the_end_waits_for_a_store_that_is_away(scene: EventScene) -> None:
    viewer = scene.front.post()
    run = scene.begin()
    scene.store.data.jobs[run.id].listening = []
    run.emit("a")
    scene.front.store.fails = StoreAway()
    run.end()
    scene.pass_time(1)
    assert "succeeded" not in viewer.names()
    scene.front.store.fails = None
    scene.pass_time(2)
    assert viewer.names() == ["output", "succeeded"]
    assert viewer.is_over


def test_pieces_that_are_not_kept_any_more_are_a_gap(
    scene: EventScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "MOST_KEPT", 3)
    first = scene.front.post()
    run = scene.begin()
    for number in range(10):
        run.emit(number)
    second = scene.front.events(run.id)
    assert outputs(first.events()) == [*range(10)]
    told = second.events()
    assert [event.name for event in told] == ["", "started", "gap", "output", "output", "output"]
    assert told[2].data == {}
    assert told[3].id.startswith("1.1.8.0-")
    run.emit(10)
    assert outputs(second.events()) == [10]
    kept = scene.front.events(run.id, told[3].id)
    assert [event.name for event in kept.events()] == ["", "output", "output", "output"]


def test_the_end_does_not_wait_for_a_log_that_can_not_be_read(
    scene: EventScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = scene.front.post()
    run = scene.begin()
    run.emit("a")
    spoilt = lambda log, known, after: pieces.Listened(known, [], more=False, gap=True)  # noqa: E731
    monkeypatch.setattr(PieceLog, "listened", spoilt)
    late = scene.front.events(run.id)
    back = scene.front.events(run.id, f"1.1.1.0-{mark(run.id)}")
    asked = len(scene.front.store.listened)
    scene.pass_time(5)
    assert len(scene.front.store.listened) - asked < 25  # for the one that is behind the others
    run.end()
    scene.pass_time(1)
    assert viewer.names() == ["", "queued", "started", "output", "gap", "succeeded"]
    assert late.names() == ["", "started", "gap", "succeeded"]
    assert back.names() == ["", "gap", "succeeded"]


def test_a_log_of_many_portions_is_told_whole(scene: EventScene) -> None:
    scene.front.post()
    run = scene.begin()
    run.emit(*range(2 * pieces.MOST_READ + 10))
    viewer = scene.front.events(run.id)
    run.emit("last")
    assert outputs(viewer.events()) == [*range(2 * pieces.MOST_READ + 10), "last"]


@pytest.mark.parametrize(
    ("state", "name"),
    [(State.FAILED, "failed"), (State.CANCELLED, "cancelled"), (State.SUCCEEDED, "succeeded")],
)
def test_the_end_is_called_as_its_state(scene: EventScene, state: State, name: str) -> None:
    viewer = scene.front.post()
    run = scene.begin()
    if state is State.CANCELLED:
        scene.front.call("DELETE", f"/jobs/{run.id}")
    run.end(state, '{"type":"/problems/x","title":"","status":500}' if state is State.FAILED else "null")
    last = viewer.events()[-1]
    assert (last.name, last.data["state"]) == (name, name)


def test_a_line_break_in_json_breaks_no_event(scene: EventScene) -> None:
    viewer = scene.front.post()
    run = scene.begin()
    run.end(payload='{"a":\r\n\n  1}')
    assert viewer.events()[-1].data["result"] == {"a": 1}


def test_a_client_that_goes_may_take_its_job_along(scene: EventScene) -> None:
    viewer = scene.front.post({"Relay-On-Disconnect": "cancel"})
    viewer.events()
    viewer.loseConnection()
    scene.pass_time(6)
    assert scene.ids() == []


def test_a_key_stands_for_the_same_stream(scene: EventScene) -> None:
    """Sent again while the job runs, and when it has ended."""
    key = {"Idempotency-Key": "k"}
    first = scene.front.post(key)
    run = scene.begin()
    run.emit("a")
    again = scene.front.post(key)
    run.emit("b")
    run.end()
    ended = scene.front.post(key)
    told = first.events()
    assert outputs(told) == outputs(again.events()) == outputs(ended.events()) == ["a", "b"]
    last = next(event.id for event in told if event.name == "output")
    assert outputs(scene.front.post({**key, "Last-Event-ID": last}).events()) == ["b"]
    assert first.is_over
    assert again.is_over
    assert ended.is_over


def test_what_the_store_has_lost_begins_anew(scene: EventScene) -> None:
    """The job is submitted once more, and its client is told so."""
    viewer = scene.front.post()
    run = scene.begin()
    run.emit("a", "b")
    viewer.events()
    scene.store.lose_data()
    scene.register()
    scene.pass_time(3)
    assert scene.ids() == [run.id]
    again = scene.begin()
    again.emit("c")
    again.end()
    told = viewer.events()
    assert [event.name for event in told if event.data != "beat"] == [
        *("reset", "queued", "started", "output", "succeeded")
    ]
    assert outputs(told) == ["c"]


def test_a_front_that_leaves_says_when_to_come_back(scene: EventScene) -> None:
    viewer = scene.front.post()
    last = viewer.events()[-1]
    scene.front.service.stopService()
    scene.pass_time(3)
    assert viewer.is_over
    assert viewer.body()[:7] == b"retry: "
    (id,) = scene.ids()
    other = scene.another("other").events(id, last.id)
    scene.begin().end()
    assert other.names() == ["", "started", "succeeded"]


def test_ids_rise_for_each_listener_whenever_it_comes(scene: EventScene) -> None:
    """And what all of them were told together is the same."""
    viewers = {0: scene.front.post()}
    run = scene.begin()
    steps = [
        *(lambda: run.emit("a"), lambda: run.progress(0.5), lambda: run.emit("b", "c"), run.retry),
        *(lambda: scene.pass_time(2), lambda: None),
    ]
    for number, step in enumerate(steps, 1):
        step()
        viewers[number] = scene.front.events(run.id)
    again = scene.begin()
    again.emit("d")
    again.end()
    for viewer in viewers.values():
        told = [event for event in viewer.events() if event.id]
        assert all(position(a) < position(b) for a, b in itertools.pairwise(told))
        assert outputs(told)[-4:] == ["a", "b", "c", "d"]


# -- of jobs that have ended --

KEY = {"Idempotency-Key": "a-key"}


@pytest.mark.parametrize("accept", [ACCEPTS, LINES])
def test_an_outcome_of_an_earlier_submission_is_said_to_be_one(
    scene: EventScene, accept: dict[str, str]
) -> None:
    """Where a plain answer says so: not while the job runs."""
    first = scene.front.post(KEY)
    run = scene.begin()
    for _ in range(2):
        joined = scene.front.post({**KEY, **accept})
        joined.body()
        assert "Idempotency-Replayed" not in first.head + joined.head
    run.end()
    again = scene.front.post({**KEY, **accept})
    assert b'"succeeded"' in again.body()
    assert "Idempotency-Replayed: true\r\n" in again.head
    looked = scene.front.events(run.id, headers=accept)
    looked.body()
    assert "Idempotency-Replayed" not in looked.head


def test_lines_that_can_not_be_told_now_say_so_too(scene: EventScene) -> None:
    scene = EventScene(max_held=1)
    scene.front.post(KEY)
    scene.begin().end()
    place = scene.front.post()
    answer = scene.front.post({**KEY, **LINES}).answer()
    assert answer is not None
    assert (answer.json()["complete"], answer.headers["idempotency-replayed"]) == (True, "true")
    assert not place.is_over


def test_a_submission_whose_client_has_the_end_is_told_to_stop(scene: EventScene) -> None:
    """Libraries come back with the request that they began with."""
    viewer = scene.front.post(KEY)
    scene.begin().end()
    last = viewer.events()[-1].id
    for accept in (ACCEPTS, LINES):
        answer = scene.front.post({**KEY, **accept, "Last-Event-ID": last}).answer()
        assert answer is not None
        assert (answer.status, answer.body, answer.headers["idempotency-replayed"]) == (204, b"", "true")
        assert answer.headers["location"].startswith("/jobs/0-")
    assert scene.ids() == []


def test_a_submission_that_makes_another_job_is_told_of_that_one(scene: EventScene) -> None:
    """What its client was told is of the other one."""
    viewer = scene.front.post()
    scene.begin().end()
    last = viewer.events()[-1].id
    assert scene.front.post({"Last-Event-ID": last}).names() == ["", "queued"]


@pytest.mark.parametrize("claimed", ["9.1.0.0", "9.2.0.3", "9.1.7.0", "1.1.7.0", "9.3.0.0", "9.3.7.0"])
def test_a_client_of_an_ended_job_that_knows_what_never_was_is_told_everything(
    scene: EventScene, claimed: str
) -> None:
    viewer = scene.front.post(KEY)
    run = scene.begin()
    run.emit("a", "b")
    run.end()
    told = [event for event in viewer.events() if event.name in ("output", "succeeded")]
    last = {"Last-Event-ID": f"{claimed}-{mark(run.id)}"}
    for again in (scene.front.events(run.id, headers=last), scene.front.post({**KEY, **last})):
        assert [event for event in again.events() if event.name not in ("", "reset")] == told


@pytest.mark.parametrize("emits", [False, True])
def test_a_start_that_did_not_count_was_one_nevertheless(scene: EventScene, emits: bool) -> None:
    """Its worker gave the job back: what its client was told of the second start is true."""
    viewer = scene.front.post()
    run = scene.begin()
    run.emit("a")
    run.end(State.QUEUED)
    run = scene.begin()
    if emits:
        run.emit("b")
    viewer.events()
    run.end()
    assert run.claim.attempt == 1
    assert [event.name for event in viewer.events()] == ["succeeded"]
    resumed = scene.front.events(run.id, f"2.1.0.0-{mark(run.id)}").events()
    assert outputs(resumed) == ["b"] * emits
    earlier = scene.front.events(run.id, f"1.1.1.0-{mark(run.id)}").events()
    assert [event.name for event in earlier] == ["", "reset", *["output"] * emits, "succeeded"]


def test_a_front_that_was_told_too_much_reads_the_rest_and_listens_again(scene: EventScene) -> None:
    """It hung for a while, so that its inbox has no room: the last that it hears of a job is that there is more."""
    viewer = scene.front.post()
    run = scene.begin()
    looking = scene.front.ask("GET", f"/jobs/{run.id}", headers={"Prefer": "wait=30, change"})
    run.emit("a")
    scene.store.data.jobs[run.id].listening = []
    run.emit("b")
    run.progress(0.5)
    scene.store.post.send("front", MailKind.PIECES, run.id, b"")
    scene.turn()
    answer = looking.answer()
    assert answer is not None
    assert answer.json()["progress"]["fraction"] == 0.5
    run.emit("c")
    told = viewer.events()
    assert outputs(told) == ["a", "b", "c"]
    asked = len(scene.front.store.listened)
    run.emit("d")
    assert outputs(viewer.events()) == ["d"]
    assert len(scene.front.store.listened) == asked


def test_who_only_looks_reads_where_the_job_stands_if_too_much_was_told(scene: EventScene) -> None:
    scene.front.ask("POST", "/jobs/echo", {}, {"Prefer": "respond-async"})
    run = scene.begin()
    looking = scene.front.ask("GET", f"/jobs/{run.id}", headers={"Prefer": "wait=30, change"})
    scene.store.data.jobs[run.id].listening = []
    run.progress(0.5)
    assert looking.answer() is None
    scene.store.post.send("front", MailKind.PIECES, run.id, b"")
    scene.turn()
    assert looking.answer() is not None
