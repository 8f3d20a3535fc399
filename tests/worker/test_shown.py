"""The problem of a failed job, as it is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.model.problems.base import JobError
from relay.model.problems.request import BadArguments
from relay.worker.shown import LIMIT, LONGEST_DETAIL, problem

BASE = {"type": "/problems/declined", "title": "Declined", "status": 402, "retryable": False, "source": "job"}


def shown(detail: Any = "", **members: Any) -> dict[str, Any]:
    written = problem(JobError(detail, status=402, type="declined", **members), again=False)
    assert len(written.encode()) <= LIMIT
    read: dict[str, Any] = json.loads(written)
    return read


def test_a_problem_is_shown_as_it_was_raised() -> None:
    assert shown("no", code=7) == {**BASE, "detail": "no", "code": 7}


@pytest.mark.parametrize(
    ("value", "text"), [(ValueError("why"), "why"), (KeyError(), "KeyError"), ("caf\udce9", "caf?")]
)
def test_exceptions_and_broken_texts_are_shown_as_text(value: Any, text: str) -> None:
    assert shown(cause=value, code=7) == {**BASE, "cause": text, "code": 7}


@pytest.mark.parametrize("value", [object(), {"a": [object()]}, float("nan"), [ValueError()]])
def test_what_can_not_be_written_is_left_out_and_named(value: Any) -> None:
    assert shown(thing=value, code=7) == {**BASE, "code": 7, "omitted": ["thing"]}


def test_a_broken_detail_title_or_name_does_not_keep_the_rest_from_being_shown() -> None:
    assert shown("can't read caf\udce9.txt")["detail"] == "can't read caf?.txt"
    assert shown(title="caf\udce9")["title"] == "caf?"
    assert shown(**{"caf\udce9": 1})["omitted"] == ["caf?"]


@pytest.mark.parametrize("filler", ["x", "é", "\x00", "👩"])
def test_a_problem_has_a_size(filler: str) -> None:
    long = filler * 30_000
    assert shown(body=long, code=7) == {**BASE, "omitted": ["body", "code"]}
    cut = shown(long, title=long, omitted=5)
    assert cut["detail"] == filler * LONGEST_DETAIL + "…"
    assert cut["omitted"] == ["omitted", "detail"]
    assert len(shown(**{f"m{number}": long for number in range(100)})["omitted"]) == 20
    assert shown(thing=object(), body=long)["omitted"] == ["thing", "body"]


def test_what_the_members_of_an_error_are_called_does_not_matter() -> None:
    assert shown(source="evil", state="succeeded")["source"] == "job"


def test_relays_own_problems_are_shown_in_the_same_way() -> None:
    read = json.loads(problem(BadArguments("they do not fit", errors=["x" * LIMIT]), again=False))
    assert (read["detail"], read["omitted"]) == ("they do not fit", ["errors"])
