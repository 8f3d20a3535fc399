"""Durable submissions, as clients see them."""

from __future__ import annotations

import pytest

from relay.model.problems.request import NotDurable
from tests.front.scene import Scene, served

ASYNC = {"Prefer": "respond-async, durable"}


@pytest.fixture
def scene() -> Scene:
    found = Scene()
    found.store.publish([served("echo"), served("pay", durable=True)])
    return found


def test_a_preference_makes_a_job_durable_and_is_said_to_be_met(scene: Scene) -> None:
    answer = scene.call("POST", "/jobs/echo", {}, ASYNC)
    assert (answer.status, answer.headers["preference-applied"]) == (202, "respond-async, durable")
    assert scene.store.job(scene.last()).durable
    assert answer.json()["durable"] is True


def test_a_job_that_is_declared_so_is_durable_whatever_its_client_prefers(scene: Scene) -> None:
    answer = scene.call("POST", "/jobs/pay", {}, {"Prefer": "respond-async"})
    assert answer.headers["preference-applied"] == "respond-async"
    assert scene.store.job(scene.last()).durable


def test_other_jobs_are_not_durable_and_say_nothing_of_it(scene: Scene) -> None:
    answer = scene.call("POST", "/jobs/echo", {}, {"Prefer": "respond-async"})
    assert not scene.store.job(scene.last()).durable
    assert "durable" not in answer.json()


def test_a_held_request_says_that_it_is_durable_when_it_commits_and_when_it_ends(scene: Scene) -> None:
    held = scene.ask("POST", "/jobs/echo", {}, {"Prefer": "durable"})
    scene.pass_time(6)
    committed = held.answer()
    assert committed is not None
    assert committed.headers["preference-applied"] == "durable"
    short = scene.ask("POST", "/jobs/echo", {}, {"Prefer": "durable, grace=3"})
    scene.end()
    ended = short.answer()
    assert ended is not None
    assert (ended.headers["preference-applied"], ended.json()["durable"]) == ("durable, grace=3", True)


@pytest.mark.parametrize("prefer", ["durable", "durable, respond-async"])
def test_a_job_that_is_not_durable_in_time_is_503_with_its_id_and_nobody_is_held(
    scene: Scene, prefer: str
) -> None:
    scene.store.fails = NotDurable("0 of 1 replicas have it after 1.5 s", id="0-memory-7")
    answer = scene.call("POST", "/jobs/echo", {}, {"Prefer": prefer})
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    problem = answer.json()
    assert (problem["type"], problem["id"]) == ("/problems/not-durable", "0-memory-7")
    assert problem["detail"] == "0 of 1 replicas have it after 1.5 s"
    assert (len(scene.room), len(scene.wheel)) == (0, 0)


def test_a_look_at_a_job_is_not_made_durable_by_its_preference(scene: Scene) -> None:
    scene.call("POST", "/jobs/echo", {}, {"Prefer": "respond-async"})
    looked = scene.ask("GET", f"/jobs/{scene.last()}", headers={"Prefer": "wait=20, durable"})
    scene.end()
    answer = looked.answer()
    assert answer is not None
    assert answer.headers["preference-applied"] == "wait=20"
