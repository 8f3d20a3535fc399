"""Looks that wait until a job stands otherwise (``Prefer: wait=N, change``)."""

from __future__ import annotations

from typing import Any

import pytest

from relay.model.problems.request import StoreAway, StoreReset
from tests.front.event_scene import EventScene, OneFront, Viewer

LOOK = {"Prefer": "wait=30, change"}


@pytest.fixture
def scene() -> EventScene:
    return EventScene()


def look(front: OneFront, id: str, last: str = "", prefer: str = "wait=30, change") -> Viewer:
    given = {"Last-Event-ID": last} if last else {}
    return front.ask("GET", f"/jobs/{id}", headers={"Prefer": prefer, **given})


def answered(viewer: Viewer) -> Any:
    answer = viewer.answer()
    assert answer is not None
    return answer


def queued(scene: EventScene) -> str:
    scene.front.ask("POST", "/jobs/echo", {}, {"Prefer": "respond-async"})
    (id,) = scene.ids()
    return id


def test_each_change_is_an_answer(scene: EventScene) -> None:
    id = queued(scene)
    viewer = look(scene.front, id)
    assert viewer.answer() is None
    run = scene.begin()
    answer = answered(viewer)
    assert (answer.status, answer.json()["state"], answer.headers["relay-event-id"][:7]) == (
        200,
        "running",
        "1.1.0.0",
    )
    assert answer.headers["preference-applied"] == "wait=30, change"
    for fraction in (0.25, 0.5):
        viewer = look(scene.front, id, answer.headers["relay-event-id"])
        assert viewer.answer() is None
        run.progress(fraction)
        answer = answered(viewer)
        assert answer.json()["progress"]["fraction"] == fraction
    viewer = look(scene.front, id, answer.headers["relay-event-id"])
    run.end(payload="7")
    answer = answered(viewer)
    assert (answer.status, answer.json()["result"]) == (200, 7)
    assert answer.headers["relay-event-id"].startswith("1.3.0.2-")
    again = answered(look(scene.front, id, answer.headers["relay-event-id"]))
    assert again.json()["complete"]


def test_what_has_changed_meanwhile_is_told_at_once(scene: EventScene) -> None:
    """By whichever front."""
    id = queued(scene)
    first = answered(look(scene.front, id, prefer="wait=0, change"))
    assert first.json()["state"] == "queued"
    scene.begin()
    other = scene.another("other")
    second = answered(look(other, id, first.headers["relay-event-id"]))
    assert second.json()["state"] == "running"
    assert look(other, id, second.headers["relay-event-id"]).answer() is None


def test_what_is_put_out_changes_nothing(scene: EventScene) -> None:
    id = queued(scene)
    stream = scene.front.events(id)
    run = scene.begin()
    viewer = look(scene.front, id)
    run.emit("a", "b")
    assert viewer.answer() is None
    last = stream.events()[-1].id
    assert last.startswith("1.1.2.0")
    assert look(scene.front, id, last).answer() is None  # the id of an event says as much
    assert scene.front.store.listened[-1][1][0] > 2**50  # it reads none of it


def test_an_id_of_another_job_waits_for_the_next_change(scene: EventScene) -> None:
    id = queued(scene)
    for last in ("0.1.0.0-0000", "nonsense"):
        assert look(scene.front, id, last).answer() is None


def test_a_wait_that_is_over_says_where_the_job_stands(scene: EventScene) -> None:
    id = queued(scene)
    viewer = look(scene.front, id, prefer="wait=2, change")
    scene.pass_time(1)
    assert viewer.answer() is None  # nothing before, and no heartbeat
    scene.pass_time(1.5)
    answer = answered(viewer)
    assert (answer.status, answer.json()["complete"]) == (202, False)
    assert answer.headers["relay-event-id"].startswith("0.2.0.0-")
    assert viewer.connected  # for the next one


def test_a_longer_wait_than_there_is_is_not_met(scene: EventScene) -> None:
    id = queued(scene)
    viewer = look(scene.front, id, prefer="wait=100, change")
    scene.pass_time(60.5)
    assert answered(viewer).headers["preference-applied"] == "change"


def test_without_a_wait_it_means_nothing(scene: EventScene) -> None:
    id = queued(scene)
    answer = answered(look(scene.front, id, prefer="change"))
    assert (answer.status, "relay-event-id" in answer.headers) == (200, False)


def test_who_has_no_room_answers_at_once() -> None:
    scene = EventScene(max_held=1)
    id = queued(scene)
    scene.front.events(id)
    answer = answered(look(scene.front, id))
    assert (answer.status, answer.json()["state"]) == (200, "queued")
    assert "relay-event-id" in answer.headers
    assert "preference-applied" not in answer.headers


def test_errors_are_as_of_any_look(scene: EventScene) -> None:
    id = queued(scene)
    assert answered(look(scene.front, f"{id[:-1]}0")).status == 404
    scene.front.store.fails = StoreAway()
    assert answered(look(scene.front, id)).status == 503
    scene.front.store.fails = None
    viewer = look(scene.front, id)
    scene.front.service._outcomes.waiters.fail(id, StoreReset())
    assert answered(viewer).status == 410


def test_nobody_listens_when_all_are_answered(scene: EventScene) -> None:
    id = queued(scene)
    gone, viewer = look(scene.front, id), look(scene.front, id)
    gone.loseConnection()
    scene.begin()
    assert answered(viewer).status == 200
    assert scene.front.store.muted == [id]
    assert len(scene.front.service._feeds) == 0
    assert len(scene.front.service._outcomes.waiters) == 0
    assert scene.front.service.held() == 0


def test_a_front_that_leaves_says_so(scene: EventScene) -> None:
    id = queued(scene)
    viewer = look(scene.front, id)
    scene.front.service.stopService()
    scene.pass_time(1)
    answer = answered(viewer)
    assert (answer.status, answer.json()["reattach"]) == (202, True)
    assert answer.headers["relay-event-id"].startswith("0.2.0.0-")


def test_what_was_missed_is_noticed_after_a_repair(scene: EventScene) -> None:
    id = queued(scene)
    viewer = look(scene.front, id)
    scene.store.data.jobs[id].listening = []
    scene.begin()
    assert viewer.answer() is None
    scene.front.service._feeds.repaired(0)
    scene.turn()
    assert answered(viewer).json()["state"] == "running"


def test_news_that_comes_twice_is_no_change(scene: EventScene) -> None:
    id = queued(scene)
    posted: list[Any] = []
    send = scene.store.post.send
    look(scene.front, id)
    scene.store.post.send = lambda *mail: (posted.append(mail), send(*mail))  # type: ignore[method-assign,assignment]
    scene.begin()
    viewer = look(scene.front, id)
    for mail in posted:
        if mail[0] == "front":
            send(*mail)
    scene.turn()
    assert viewer.answer() is None
