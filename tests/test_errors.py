"""Problems."""

from __future__ import annotations

import pytest

from relay.errors import JobError, QueueFull, TooLarge, catalogue


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
