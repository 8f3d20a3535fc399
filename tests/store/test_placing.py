"""Where jobs live."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.job import JobTemplate
from relay.model.schedule import Schedule
from relay.store.messages import LimitDefinition
from relay.store.placing import limit_of, pin_of
from relay.store.schedules import firing_job, pin_of_schedule
from tests.store.test_store import a_job, declared

NAMES = st.sampled_from(["", "a", "b", "c"])
LANES = st.sampled_from(["", "@a", "@a 1", "@a 2", "@b"])


@st.composite
def jobs(draw: Any) -> Any:
    lane = draw(LANES)
    then = JobTemplate("then", "default", 0, 1, False, lane) if draw(st.booleans()) else None
    more = {"then": then, "unique": draw(NAMES), "key": draw(NAMES), "depth": draw(st.integers(0, 1))}
    return a_job(lane=draw(LANES), **more)


@given(jobs(), jobs(), NAMES, NAMES)
def test_what_is_counted_or_found_together_has_one_pin(
    one: Any, other: Any, caller: str, another: str
) -> None:
    pins = pin_of(one, caller), pin_of(other, another)
    same = [
        (limit_of(one.lane), limit_of(other.lane)),
        (not one.lane and one.then and limit_of(one.then.lane), limit_of(other.lane)),
    ]
    if not any(job.lane or (job.then and job.then.lane) for job in (one, other)):
        same.append((one.unique, other.unique))
        if not any((one.unique, other.unique, one.depth, other.depth)):
            same.append((caller, another))
            if not (caller or another):
                same.append((one.key, other.key))
    for mine, yours in same:
        if mine and mine == yours:
            assert pins[0] == pins[1]


@given(jobs(), NAMES)
def test_the_pin_of_a_job_is_the_same_however_often_it_is_asked_for(job: Any, caller: str) -> None:
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(job), type=type(job))
    assert pin_of(again, caller) == pin_of(job, caller)
    revived = msgspec.structs.replace(again, key="", fingerprint="", inbox="", parent="")
    if job.lane or job.unique:
        assert pin_of(revived) == pin_of(job)


@pytest.mark.parametrize(
    ("changed", "pin"),
    [
        ({}, ""),
        ({"key": "k"}, "k"),
        ({"key": "k", "depth": 1}, ""),  # it is beside its parent
        ({"key": "k", "unique": "u"}, "u"),
        ({"key": "k", "unique": "u", "lane": "@api 7"}, "@api"),
        ({"unique": "u", "then": JobTemplate("tell", "default", 0, 1, False, "@tell")}, "@tell"),
        ({"lane": "@api", "then": JobTemplate("tell", "default", 0, 1, False, "@tell")}, "@api"),
        ({"key": "k", "scheduled": 7}, "echo"),
    ],
)
def test_of_several_reasons_the_first_counts(changed: dict[str, Any], pin: str) -> None:
    assert pin_of(a_job(**changed)) == pin


def test_a_caller_with_limits_has_all_its_jobs_in_one_place() -> None:
    assert pin_of(a_job(key="k"), "token:shop") == pin_of(a_job(), "token:shop") == "token:shop"


def test_a_schedule_lives_where_the_jobs_of_its_firings_do() -> None:
    schedule = Schedule("0 * * * *")
    free, limited = (
        msgspec.structs.replace(declared("tick"), schedule=schedule, limit=limit)
        for limit in (None, LimitDefinition("api", 1, 60, ""))
    )
    assert (pin_of_schedule(free), pin_of_schedule(limited)) == ("tick", "@api")
    for definition in (free, limited):
        for by_hand in (False, True):
            job = firing_job(definition, "0-epoch-a", 1_790_000_000_000, by_hand=by_hand).job
            assert pin_of(job) == pin_of_schedule(definition)
