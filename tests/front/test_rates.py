"""A caller at its rate is refused again without a call to the store."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import fail

from relay.model.caller import Allowance, Caller
from relay.model.limits import Rate
from relay.model.problems.caller import RateExceeded
from tests.front.callers.fakes import Passwords
from tests.front.scene import Scene

RATE = Rate.parse("10/s")
APP, OTHER = {"Authorization": "Test app"}, {"Authorization": "Test other"}
QUEUED = {"Prefer": "respond-async"}


@pytest.fixture
def scene() -> Scene:
    callers = (
        Caller(f"token:{name}", name=f"token:{name}", allowance=Allowance(RATE)) for name in ("app", "other")
    )
    return Scene(Passwords(*callers))


def refuse(scene: Scene, seconds: float) -> list[Any]:
    """The store refuses all from now on, and says so."""
    asked: list[Any] = []

    def submit(submission: Any) -> Any:
        asked.append(submission)
        return fail(RateExceeded(RATE, seconds))

    scene.store.submit = submit  # type: ignore[method-assign]
    return asked


def test_the_store_is_asked_once_until_the_next_job_may_come(scene: Scene) -> None:
    asked = refuse(scene, 0.5)
    answers = [scene.call("POST", "/jobs/echo", {}, {**APP, **QUEUED}) for _ in range(5)]
    assert {answer.status for answer in answers} == {429}
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"rate";q=10;w=1'}
    assert len(asked) == 1
    scene.pass_time(0.5)
    assert scene.call("POST", "/jobs/echo", {}, {**APP, **QUEUED}).status == 429
    assert len(asked) == 2


def test_a_key_is_looked_up_all_the_same_and_another_caller_is_not_held_back(scene: Scene) -> None:
    mine = scene.call("PUT", "/jobs/echo/key", {}, {**APP, **QUEUED})
    submit = scene.store.submit
    refuse(scene, 60)
    assert scene.call("POST", "/jobs/echo", {}, {**APP, **QUEUED}).status == 429
    scene.store.submit = submit  # type: ignore[method-assign]
    again = scene.call("PUT", "/jobs/echo/key", {}, {**APP, **QUEUED})
    assert (again.status, again.json()["id"]) == (202, mine.json()["id"])
    assert scene.call("POST", "/jobs/echo", {}, {**OTHER, **QUEUED}).status == 202
    assert scene.call("POST", "/jobs/echo", {}, {**APP, **QUEUED}).status == 429
