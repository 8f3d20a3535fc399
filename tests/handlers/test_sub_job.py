"""What a handler gets of the jobs that it submits."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from relay import JobError, SubJob, SubJobFailed
from relay.handlers.sub_job import SubmissionTerms


def test_a_failed_sub_job_says_what_its_problem_says() -> None:
    problem = {"type": "/problems/declined", "title": "Declined", "status": 402, "detail": "no", "code": "x"}
    error = SubJobFailed("0-a-b", {**problem, "retryable": True, "source": "job"})
    assert isinstance(error, JobError)
    assert (error.id, error.retryable) == ("0-a-b", True)
    assert error.problem("/relay") == {
        "type": "/relay/problems/declined",
        "title": "Declined",
        "status": 402,
        "detail": "no",
        "code": "x",
        "job": "0-a-b",
        "retryable": True,
    }


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"type": "https://example.com/odd", "status": 599, "self": 1, "retry_after": 7, "job": "another"},
        {"type": "/problems/x", "title": "", "detail": "", "status": 500, "retryable": "yes", "errors": []},
    ],
)
def test_any_problem_can_be_raised_again(odd: dict[str, Any]) -> None:
    error = SubJobFailed("0-a-b", odd)
    assert error.problem()["job"] == "0-a-b"
    assert not error.retryable
    assert error.pause == 0


def test_a_sub_job_can_be_awaited_often() -> None:
    made: SubJob[int] = SubJob("0-a-b", "f", lambda: succeed(7))

    async def twice() -> list[int]:
        return [await made, await made]

    found: list[Any] = []
    Deferred.fromCoroutine(twice()).addCallback(found.append)
    assert found == [[7, 7]]
    assert repr(made) == "<SubJob 0-a-b (f)>"


@pytest.mark.parametrize(
    ("given", "named"), [({"key": 7}, "key"), ({"delay": 1e9}, "delay"), ({"deadline": -1}, "deadline")]
)
def test_what_terms_can_not_be_is_told(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"the {named} of a sub-job must be"):
        SubmissionTerms(**given)
