"""The types of problems, each explained under its slug."""

from __future__ import annotations

from typing import Any

import pytest

from relay.celery import celery_job
from relay.handlers.declare import HandlerError, handler, job
from relay.model.problems.base import JobError
from relay.model.problems.registry import ProblemType, builtin, catalogue, describe
from relay.model.problems.upstream import PROBLEMS


class CardDeclined(JobError):
    """The bank declined the card.
    Ask for another one."""

    status, slug, title = 402, "card-declined", "The card was declined"


class Unexplained(JobError):
    slug, title = "unexplained", "Nobody knows"


class Nameless(JobError):
    """It has neither a slug nor a title."""


class Taken(JobError):
    """It has the slug of one of relay's."""

    slug, title = "queue-full", "The queue is full"


def test_all_of_relays_problems_are_explained() -> None:
    assert builtin().keys() == catalogue().keys() | PROBLEMS.keys()
    assert all(len(known.meaning) > 20 for known in builtin().values())


def test_a_problem_of_a_class_of_its_own_needs_no_arguments() -> None:
    assert CardDeclined().problem("/v1") == {
        "type": "/v1/problems/card-declined",
        "title": "The card was declined",
        "status": 402,
        "retryable": False,
    }
    assert CardDeclined("no funds", title="No funds", status=409).problem()["title"] == "No funds"
    assert CardDeclined(type="other").problem()["title"] == "Other"


def test_a_job_error_that_says_nothing_is_a_failed_job() -> None:
    problem = JobError().problem()
    assert (problem["type"], problem["title"], problem["status"]) == (
        "/problems/job-failed",
        "Job failed",
        500,
    )


def test_a_class_is_described_by_its_docstring() -> None:
    meaning = "The bank declined the card. Ask for another one."
    assert describe(CardDeclined) == ProblemType("card-declined", "The card was declined", 402, meaning)


@pytest.mark.parametrize(
    ("problems", "why"),
    [
        ([CardDeclined], "is not a tuple of subclasses of JobError"),
        ((ValueError,), "is not a subclass of JobError"),
        ((CardDeclined(),), "is not a subclass of JobError"),
        ((Unexplained,), "Unexplained does not have a slug, a title and a docstring of its own"),
        ((Nameless,), "Nameless does not have a slug, a title and a docstring of its own"),
        ((Taken,), "queue-full is a problem of relay's"),
    ],
    ids=["list", "other class", "no class", "no docstring", "no slug", "taken"],
)
def test_a_problem_that_does_not_explain_itself_can_not_be_declared(problems: Any, why: str) -> None:
    with pytest.raises(HandlerError, match=why):
        job(name="charge", problems=problems)(lambda: None)


def test_a_job_of_celerys_declares_what_tasks_fail_with() -> None:
    servers = {"broker": "redis://h/0", "backend": "redis://h/1"}
    made = celery_job("tasks.area", name="area", problems=(CardDeclined,), **servers)
    slugs = [describe(kind).slug for kind in handler(made).options.problems]
    assert slugs == ["celery-away", "celery-timeout", "celery-revoked", "celery-failed", "card-declined"]
