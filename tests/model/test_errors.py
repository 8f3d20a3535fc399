"""Problems."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

from relay import SubJobFailed
from relay.model.problems.base import JobError
from relay.model.problems.registry import catalogue
from relay.model.problems.request import QueueFull, TooLarge
from relay.model.problems.upstream import UpstreamLimited


def test_every_problem_has_its_own_slug_a_status_and_an_explanation() -> None:
    kinds = list(catalogue().values())
    assert len(kinds) == len({kind.slug for kind in kinds}) > 20
    for kind in kinds:
        assert 400 <= kind.status < 600
        assert len(kind.__doc__ or "") > 20
        assert kind.retry_after >= 1 or kind.status not in (429, 503), kind


def test_a_problem_has_the_members_of_rfc_9457_and_its_own() -> None:
    assert TooLarge(limit=5).problem("/v1") == {
        "type": "/v1/problems/too-large",
        "title": "The body is too large",
        "status": 413,
        "limit": 5,
    }
    assert QueueFull("why").problem()["detail"] == "why"


def test_a_handlers_problem_is_shown_as_it_says() -> None:
    error = JobError("no funds", status=402, type="card-declined", decline_code="funds", retryable=True)
    assert error.problem("/v1") == {
        "type": "/v1/problems/card-declined",
        "title": "Card declined",
        "status": 402,
        "detail": "no funds",
        "decline_code": "funds",
        "retryable": True,
    }
    assert JobError(type="https://e.test/x").problem("/v1")["type"] == "https://e.test/x"


@pytest.mark.parametrize("status", [200, 399, 600])
def test_a_job_error_is_an_error(status: int) -> None:
    with pytest.raises(ValueError, match="400…599"):
        JobError(status=status)


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it has no text")


def test_the_detail_may_be_an_exception() -> None:
    assert JobError(ValueError("no such customer")).detail == "no such customer"
    assert JobError(KeyError()).detail == "KeyError"
    assert JobError(Mute()).detail == "Mute"


def test_whoever_catches_an_error_sees_what_its_problem_says() -> None:
    error = JobError("no such parcel", status=404, type="no-parcel", title="The parcel is not known")
    assert (error.status, error.type, error.title) == (404, "no-parcel", "The parcel is not known")
    assert (JobError("no").status, JobError("no").title) == (500, "Job failed")
    failed = SubJobFailed("0-a-b", error.problem())
    assert (failed.status, failed.title, failed.detail) == (404, "The parcel is not known", "no such parcel")


def test_a_status_may_be_one_of_pythons() -> None:
    assert type(JobError(status=HTTPStatus.PAYMENT_REQUIRED).job_status) is int


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"detail": {"message": "no"}}, TypeError),
        ({"detail": None}, TypeError),
        ({"title": 5}, TypeError),
        ({"type": 5}, TypeError),
        ({"type": ""}, ValueError),
        ({"type": "card declined"}, ValueError),
        ({"type": "caf\udce9"}, ValueError),
        ({"type": "x" * 501}, ValueError),
        ({"status": "402"}, TypeError),
        ({"status": True}, TypeError),
        ({"status": 402.0}, TypeError),
        ({"retryable": "no"}, TypeError),
        ({"retry_after": "30"}, TypeError),
        ({"retry_after": None}, TypeError),
        ({"retry_after": True}, TypeError),
        ({"retry_after": float("inf")}, ValueError),
        ({"retry_after": float("nan")}, ValueError),
        ({"retry_after": 1e18}, ValueError),
        ({"retry_after": -5}, ValueError),
    ],
)
def test_a_job_error_names_the_argument_that_can_not_be_used(
    arguments: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=f"the {next(iter(arguments))} of a JobError"):
        JobError(**arguments)


@pytest.mark.parametrize("seconds", [1e18, float("inf"), -1.0])
def test_an_api_may_ask_for_any_pause(seconds: float) -> None:
    assert 0 <= UpstreamLimited(seconds).pause <= 30 * 86_400
