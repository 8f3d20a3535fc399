"""What exceptions mean, and how they are told."""

from __future__ import annotations

import pytest
from twisted.internet.defer import FailureGroup, FirstError
from twisted.python.failure import Failure

from relay.model.problems.base import JobError
from relay.model.problems.request import BadArguments
from relay.worker.causes import LONGEST_LINE, LONGEST_TRACEBACK, decisive, told, with_causes

FINAL = JobError("no", status=402)
SOON, LATER = JobError(retryable=True, retry_after=1), JobError(retryable=True, retry_after=9)
UNFORESEEN = ValueError("x")


def first(error: BaseException) -> FirstError:
    return FirstError(Failure(error), 0)


@pytest.mark.parametrize(
    ("error", "decides"),
    [
        (FINAL, FINAL),
        (UNFORESEEN, UNFORESEEN),
        (first(FINAL), FINAL),
        (first(first(FINAL)), FINAL),
        (ExceptionGroup("", [FINAL]), FINAL),
        (ExceptionGroup("", [first(FINAL)]), FINAL),
        (FailureGroup([Failure(UNFORESEEN), Failure(FINAL)]), FINAL),
        (ExceptionGroup("", [SOON, UNFORESEEN, FINAL]), FINAL),
        (ExceptionGroup("", [SOON, UNFORESEEN]), UNFORESEEN),
        (ExceptionGroup("", [SOON, LATER]), LATER),
    ],
)
def test_one_error_decides(error: BaseException, decides: BaseException) -> None:
    assert decisive(error) is decides


def test_a_wrapper_that_holds_itself_is_opened_no_further() -> None:
    held = FirstError(Failure(UNFORESEEN), 0)
    held.subFailure = Failure(held)
    assert decisive(held) is held


def test_an_error_is_told_in_one_line_with_what_it_came_from() -> None:
    error = ValueError("the effect")
    error.__cause__ = KeyError()
    error.__cause__.__cause__ = FINAL
    assert told(error) == "ValueError: the effect, from KeyError, from job-failed (402): no"
    misfits = [{"at": "/a", "detail": "int"}, {"at": "", "detail": "str"}]
    assert told(BadArguments("two", errors=misfits)) == "bad-arguments: two; a: int; arguments: str"
    assert told(ValueError("caf\udce9\n2")) == "ValueError: caf\\udce9 2"
    assert len(told(ValueError("x" * 100_000))) <= LONGEST_LINE
    error.__cause__ = error
    assert len(told(error)) <= LONGEST_LINE


def test_a_traceback_has_what_wrappers_hold_in_groups_too() -> None:
    text = with_causes(Failure(ExceptionGroup("", [first(KeyError("the cause")), FINAL]))).getTraceback()
    assert "in which there was\n\nKeyError: 'the cause'" in text


def test_a_wrapper_with_itself_many_times_is_looked_at_in_bounds() -> None:
    held = FailureGroup([])
    held.failures = [Failure(held)] * 100
    assert decisive(held) is held
    assert len(with_causes(Failure(held)).getTraceback()) < LONGEST_TRACEBACK + 100


def test_a_traceback_has_a_size() -> None:
    text = with_causes(Failure(ValueError("x" * 100_000 + "the end"))).getTraceback()
    assert len(text) < LONGEST_TRACEBACK + 100
    assert text.endswith("the end\n")
    assert "characters are left out" in text
