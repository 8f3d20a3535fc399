"""How a job's time is spent: the scheduler's events become stays, steps and shares."""

from __future__ import annotations

import pytest

from bench.timeline import Step, at_once, measure, usual, way
from bench.tracing import Trace, read

NAMES = {1: "wrk", 2: "front", 3: "redis"}


def switch(at: int, old: int, new: int) -> str:
    told = f"prev_comm=a b prev_pid={old} prev_prio=120 prev_state=S ==> next_comm=relay front next_pid={new}"
    return f" {old or 0} 100.{at:06}000: sched:sched_switch: {told} next_prio=120"


def waking(at: int, waker: int, woken: int) -> str:
    return f" {waker} 100.{at:06}000: sched:sched_waking: comm=a b pid={woken} prio=120 target_cpu=000"


def waited(at: int, thread: int) -> str:
    return f" {thread} 100.{at:06}000: syscalls:sys_exit_epoll_wait: 0x1"


#: wrk asks the front, the front asks Redis; the answer comes back the same way, on one processor
LINES = [
    switch(0, 0, 1),
    waking(10, 1, 2),
    switch(20, 1, 2),
    waking(60, 2, 3),
    switch(100, 2, 3),
    waking(150, 3, 2),
    switch(170, 3, 2),
    waking(200, 2, 1),
    switch(260, 2, 1),
    switch(280, 1, 0),
]


def test_a_job_is_followed_back_from_its_answer_and_its_steps_add_up() -> None:
    trace = read(LINES, NAMES)
    first, last = trace.stays["wrk"]
    steps = way(trace, first, last)
    assert steps == [
        Step("wrk", 0, 20),
        Step("front", 0, 40),
        Step("redis", 40, 50),
        Step("front", 20, 30),
        Step("wrk", 60, 0),
    ]
    assert sum(step.waited + step.ran for step in steps) == last.begin - first.begin


def test_a_job_cannot_be_followed_where_somebody_else_woke_a_process() -> None:
    lines = [line if line != waking(150, 3, 2) else waking(150, 9, 2) for line in LINES]
    trace = read(lines, NAMES)
    assert way(trace, *trace.stays["wrk"]) == []


def test_a_job_cannot_be_followed_to_a_process_that_was_awake_before_it_was_asked() -> None:
    trace = read([waking(5, 2, 3), *LINES], NAMES)
    assert way(trace, *trace.stays["wrk"]) == []


def test_a_process_that_loses_its_processor_waits_for_it_within_its_step() -> None:
    lines = [*LINES[:5], switch(120, 3, 9), switch(130, 9, 3), *LINES[5:]]
    trace = read(lines, NAMES)
    assert Step("redis", 50, 40) in way(trace, *trace.stays["wrk"])


def test_a_stay_has_begun_at_the_latest_when_its_process_does_something() -> None:
    trace = read([switch(0, 3, 0), waking(20, 2, 3), waited(25, 3), switch(40, 3, 0)], NAMES)
    (stay,) = trace.stays["redis"]
    assert (stay.end - stay.begin, stay.begin - (stay.woken or 0), stay.waker) == (15, 5, "front")


def test_the_time_is_shared_out_by_who_ran() -> None:
    two = [switch(0, 0, 1), switch(20, 0, 2), switch(50, 1, 0), switch(80, 2, 0), switch(100, 9, 0)]
    shares = at_once(read(two, NAMES))
    assert shares == pytest.approx({"": 0.2, "wrk": 0.2, "wrk front": 0.3, "front": 0.3})


def test_an_empty_trace_says_so() -> None:
    with pytest.raises(ValueError, match="nothing"):
        read([], NAMES)


def test_an_idle_trace_has_a_begin_and_an_end() -> None:
    trace = read([switch(0, 9, 0), switch(30, 0, 9)], NAMES)
    assert isinstance(trace, Trace)
    assert at_once(trace) == {"": 1.0}


def test_it_says_so_if_no_job_can_be_followed() -> None:
    trace = read([waking(5, 2, 3), *LINES], NAMES)
    first, last = trace.stays["wrk"]
    assert usual(trace, [(first, last)]) == {}


def test_the_usual_way_has_medians_of_its_steps() -> None:
    trace = read(LINES, NAMES)
    first, last = trace.stays["wrk"]
    taken = usual(trace, [(first, last)] * 3)
    assert (taken["jobs"], taken["median_us"]) == (3, pytest.approx(260))
    assert [step["name"] for step in taken["steps"]] == ["wrk", "front", "redis", "front", "wrk"]


def test_the_timeline_is_left_out_where_perf_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert measure() is None
    assert "left out: perf is not here" in capsys.readouterr().err
