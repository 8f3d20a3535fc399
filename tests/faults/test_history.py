"""What the checks of a history find, and what they let pass."""

from __future__ import annotations

from typing import Any

from tests.faults import history


def fired(scheduled: int, id: str) -> dict[str, Any]:
    return {"event": "fired", "scheduled": float(scheduled), "id": id, "at": scheduled}


def test_a_firing_with_two_jobs_and_one_without_any_are_found() -> None:
    events = [fired(1, "a"), fired(1, "a"), fired(2, "b"), fired(2, "c"), fired(4, "d")]
    assert history.fired_twice(events) == ["2.0: ['b', 'c']"]
    assert history.firings_missed(events) == ["3"]
    assert history.firings_missed([]) == history.fired_twice([]) == []


def ran(id: str, begun: float, ended: float, group: int = 1) -> list[dict[str, Any]]:
    event = {"id": id, "group": group}
    return [{**event, "event": "started", "at": begun}, {**event, "event": "finished", "at": ended}]


def test_a_job_that_lived_beside_another_of_its_group_is_found() -> None:
    assert history.alive_beside([*ran("a", 1, 3), *ran("b", 2, 4)]) == ["b beside a"]
    assert history.alive_beside([*ran("a", 1, 2), *ran("b", 3, 4), *ran("c", 1, 9, group=2)]) == []


def test_one_that_ran_again_is_not_beside_itself_nor_those_that_came_after_its_first_end() -> None:
    assert history.alive_beside([*ran("a", 1, 3), *ran("a", 2, 5), *ran("b", 4, 6)]) == []
