"""The envelope."""

from __future__ import annotations

import json

from relay.model import envelope
from relay.model.state import State
from relay.model.status import JobStatus, Outcome


def test_an_outcome_has_the_members_of_the_contract_in_their_order() -> None:
    outcome = Outcome(
        "0-a-b",
        "resize",
        State.SUCCEEDED,
        1_767_225_600_123,
        1_767_225_601_000,
        1_767_225_602_500,
        1_767_229_202_500,
        2,
        "[1]",
    )
    assert json.loads(envelope.of_outcome(outcome)) == {
        "id": "0-a-b",
        "job": "resize",
        "state": "succeeded",
        "complete": True,
        "result": [1],
        "attempts": 2,
        "created": "2026-01-01T00:00:00Z",
        "started": "2026-01-01T00:00:01Z",
        "finished": "2026-01-01T00:00:02Z",
        "expires": "2026-01-01T01:00:02Z",
        "elapsed_ms": 2377,
    }


def test_a_prefix_is_put_before_problem_types_but_not_before_whole_uris() -> None:
    for kind, shown in (("/problems/x", "/v1/problems/x"), ("https://e.test/x", "https://e.test/x")):
        outcome = Outcome("i", "j", State.FAILED, 1, 1, 1, 1, 1, json.dumps({"type": kind}))
        assert json.loads(envelope.of_outcome(outcome, "/v1"))["error"]["type"] == shown


def test_cancelled_and_expired_jobs_have_a_problem_too() -> None:
    for state, slug in ((State.CANCELLED, "cancelled"), (State.EXPIRED, "expired")):
        outcome = Outcome("i", "j", state, 1, 0, 1, 1, 0, "")
        error = json.loads(envelope.of_outcome(outcome, "/v1"))["error"]
        assert (error["type"], error["source"]) == (f"/v1/problems/{slug}", "relay")


def test_a_problem_of_a_newer_worker_is_shown_as_a_failure() -> None:
    outcome = Outcome("i", "j", State.FAILED, 1, 1, 1, 1, 1, "not-known-here")
    assert json.loads(envelope.of_outcome(outcome))["error"]["type"] == "/problems/job-failed"


def test_what_is_not_known_yet_is_left_out() -> None:
    shown = json.loads(
        envelope.of_standing(JobStatus("i", "j", State.QUEUED, 1_000, position=3), reattach=True)
    )
    assert shown == {
        "id": "i",
        "job": "j",
        "state": "queued",
        "complete": False,
        "attempts": 0,
        "created": "1970-01-01T00:00:01Z",
        "position": 3,
        "reattach": True,
    }
