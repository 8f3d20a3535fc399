"""The model of ``docs/scale.md``: what it simulates, and that the page has what it prints."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bench import scale_tables
from bench.scale_model import BUSY, Measured, Target, line, measured, plan
from bench.scale_processes import Case, Costs
from bench.scale_simulation import Simulated, World

COSTS = Costs(40.0, 20.0, 20.0, 40.0, 20.0, 20.0, 30.0)
#: those that take a fraction of a second
SHORT = ("one_server", "two_servers", "sizes", "fits", "where")


def simulated(**case: float) -> Simulated:
    return World(Case(**case), COSTS).simulated(0.05, 0.2)  # type: ignore[arg-type]


def told(name: str) -> str:
    """What stands between the markers of a table."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", scale_tables.PAGE.read_text(), re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize("name", SHORT)
def test_the_page_has_what_was_measured(name: str) -> None:
    assert told(name) == scale_tables.TABLES[name](measured())


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(scale_tables.TABLES.keys() - set(SHORT)))
def test_the_page_has_what_the_model_prints(name: str) -> None:
    assert told(name) == scale_tables.TABLES[name](measured())


def test_the_page_has_the_plan_for_most_held_requests() -> None:
    told_now = scale_tables.told_plans(scale_tables.TARGETS[-1:], measured()).splitlines()
    for row, now in zip(told("plans").splitlines(), told_now, strict=True):
        assert row.split(" | ")[0] + " | " + row.split(" | ")[-1] == now


def test_a_job_alone_takes_a_submission_two_turns_and_two_reads() -> None:
    assert simulated(in_flight=1).commands == pytest.approx({"submit": 1, "turn": 2, "read": 2}, rel=0.02)


def test_jobs_in_flight_travel_together() -> None:
    commands = [sum(simulated(in_flight=n).commands.values()) for n in (1, 8, 64)]
    assert commands[0] > 2 * commands[1] > 4 * commands[2]


def test_more_fronts_and_workers_with_the_same_jobs_take_more_commands() -> None:
    few, many = (simulated(in_flight=64, fronts=n, workers=n, partitions=2) for n in (1, 8))
    assert sum(many.commands.values()) > 1.5 * sum(few.commands.values())


def test_jobs_with_keys_travel_together_less_often() -> None:
    anywhere, keyed = (simulated(in_flight=32, partitions=8, keyed=keyed) for keyed in (False, True))
    assert keyed.commands["submit"] > 1.5 * anywhere.commands["submit"]


def test_all_that_comes_is_answered_by_a_server_that_is_not_busy() -> None:
    found = simulated(rate=2000.0, fronts=2, workers=2, takes=0.01)
    assert found.rate == pytest.approx(2000, rel=0.15)
    assert found.busiest < BUSY


def test_a_second_simulation_says_the_same() -> None:
    assert simulated(in_flight=8) == simulated(in_flight=8)


@pytest.fixture
def known() -> Measured:
    """Costs whose lines are known."""
    points = {}
    for layout in scale_tables.ON_ONE:
        for in_flight in scale_tables.IN_FLIGHT:
            each = {"submit": 1 / in_flight, "turn": 2 / in_flight, "read": 2 / in_flight}
            cpu = {"redis": 200 / in_flight + 20, "front": 40 / in_flight + 40, "worker": 60 / in_flight + 20}
            point = {"commands": each, "cpu": {**cpu, "client": 30.0}, "bytes": 500 / in_flight + 300}
            points[f"{layout}, {in_flight} in flight"] = point
    memory = {
        "live": 300.0,
        "kept": 200.0,
        "held": 2000.0,
        "running": 6000.0,
        "beat": 10.0,
        "front": 5e7,
        "worker": 5e7,
    }
    return Measured(points, memory, 200.0)


def test_lines_go_through_points_that_lie_on_them(known: Measured) -> None:
    assert line([1.0, 2.0, 9.0], [12.0, 14.0, 28.0]) == (2.0, 10.0)
    assert line([1.0, 2.0], [3.0, 1.0])[0] == 0.0, "no command gives time back"
    assert line([1.0, 2.0], [1.0, 3.0])[1] == 0.0, "no job does"
    assert known.costs == COSTS


@pytest.mark.long
@pytest.mark.parametrize(
    ("more", "of"),
    [
        (Target(8000, 1), lambda made: made.partitions),
        (Target(1000, 1000), lambda made: made.partitions),
        (Target(1000, 100), lambda made: made.fronts),
        (Target(1000, 100), lambda made: made.workers),
    ],
    ids=["more jobs a second", "more live jobs", "more held requests", "more jobs that run"],
)
def test_a_plan_grows_with(more: Target, of: Callable[..., int], known: Measured) -> None:
    least = plan(Target(1000, 1), known)
    made = plan(more, known)
    assert of(made) > of(least)
    assert made.busy <= BUSY
    assert all(share <= 1 for share in made.limits().values())


def test_what_does_not_fit_into_one_store_is_divided_among_several(known: Measured) -> None:
    assert plan(Target(1000, 20_000), known).stores == 2


def test_a_server_that_is_asked_for_more_than_it_can_does_not_keep_up() -> None:
    assert simulated(rate=1000.0, takes=0.01).keeps_up
    assert not simulated(rate=40_000.0, takes=0.01).keeps_up
