"""Ids: minted, taken apart, told from names."""

from __future__ import annotations

import pytest

from relay.model import ids
from relay.model.caller import ANONYMOUS, SCHEDULE
from relay.model.ids import JOB_ID, JobId
from relay.model.names import JOB_NAME


def test_what_is_minted_can_be_taken_apart() -> None:
    id = ids.mint(0, "abcdefgh")
    assert ids.parse(id) == JobId(0, "abcdefgh", id.rpartition("-")[2])
    assert ids.parse(f"{id}-then") == ids.parse(id)
    assert JOB_ID.fullmatch(f"{id}-then")


def test_the_id_of_a_scheduled_job_says_when_it_was_fired_and_is_no_callers() -> None:
    minted = ids.mint(0, "abcdefgh")
    id = ids.scheduled(minted, 1_795_694_400_999)
    assert id == f"{minted}-20261126t120000z"
    for each in (id, f"{id}-then"):
        assert JOB_ID.fullmatch(each)
        assert ids.parse(each) == ids.parse(minted)
        assert ids.may_belong(each, SCHEDULE)
        assert not any(ids.may_belong(each, owner) for owner in (ANONYMOUS, "sub:alice"))


def test_no_id_is_minted_twice() -> None:
    assert len({ids.mint(0, "abcdefgh") for _ in range(10_000)}) == 10_000


def test_an_id_is_never_the_name_of_a_job() -> None:
    assert not JOB_NAME.fullmatch(ids.mint(3, "abcdefgh"))


@pytest.mark.parametrize(
    "text", ["", "7", "0-abc", "x-abc-def", "0-abc-def-ghi", "0-abc-def-then-then", "0--def"]
)
def test_what_was_never_minted_has_no_parts(text: str) -> None:
    assert ids.parse(text) is None


def test_a_process_name_says_its_role() -> None:
    name = ids.process_name("worker")
    assert name[0] == "w"
    assert len(name) == 17
