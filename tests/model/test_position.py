"""Ids of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.position import NOTHING, EventPosition, present, read, written
from relay.model.state import State
from relay.model.status import JobStatus

ID, OTHER = "0-epoch-random", "0-epoch-other"
NUMBERS = st.integers(0, 10**15 - 1)


@given(NUMBERS, st.integers(0, 3), NUMBERS, NUMBERS)
def test_what_is_written_is_read(starts: int, phase: int, pieces: int, progress: int) -> None:
    position = EventPosition(starts, phase, pieces, progress)
    assert read(written(position, ID), ID) == position
    assert read(written(position, ID), OTHER) == NOTHING


@given(st.text(max_size=80))
def test_nothing_that_is_said_fails(text: str) -> None:
    assert isinstance(read(text, ID), EventPosition)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1.1.1.1", "1.1.1-MARK", "1.4.1.1-MARK", "01.1.1.1-MARK", "1.1.1.-1-MARK", "1.1.1.1.1-MARK"),
        *("1.1.1.1-MARK\n", " 1.1.1.1-MARK", "1.1.1.\u0661-MARK", "1.1.1.1-mark", f"{10**15}.1.1.1-MARK"),
    ],
)
def test_whatever_else_is_no_position(text: str) -> None:
    mark = written(NOTHING, ID).partition("-")[2]
    assert read("1.1.1.1-MARK".replace("MARK", mark), ID) == EventPosition(1, 1, 1, 1)
    assert read(text.replace("MARK", mark), ID) == NOTHING


def status(state: State, starts: int, progress: str = "") -> JobStatus:
    return JobStatus(ID, "echo", state, 1, progress=progress, starts=starts)


def test_they_rise_as_a_job_goes_on() -> None:
    life = [
        *(status(State.SCHEDULED, 0), status(State.RUNNING, 1), status(State.RUNNING, 1, '{"number":1}')),
        *(status(State.SCHEDULED, 1, '{"number":1}'), status(State.RUNNING, 2, '{"start":1,"number":1}')),
        status(State.RUNNING, 2, '{"start":2,"number":1}'),
    ]
    positions = [NOTHING, *map(present, life)]
    positions.append(positions[-1].ended)
    assert positions == sorted(set(positions))
    assert present(status(State.QUEUED, 0)) == present(life[0])


def test_the_progress_of_an_earlier_start_does_not_count() -> None:
    assert present(status(State.RUNNING, 2, '{"start":1,"number":7}')).progress == 0
    assert present(status(State.RUNNING, 2, '{"start":2,"number":7}')).progress == 7
    assert present(status(State.RUNNING, 2, '{"fraction":0.5}')).progress == 0  # of an older worker
