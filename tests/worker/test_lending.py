"""The places of a worker that has a session in each of several partitions."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from relay.store.terms import lease_of_nothing
from relay.worker.claiming import rests_of
from relay.worker.lending import ALONE, LATE
from tests.worker.parted import LEASE, Parted

# -- fair --


def test_partitions_with_endless_work_have_the_same_part_of_the_places() -> None:
    parted = Parted(partitions=3, places=9)
    for store in parted.stores:
        store.add(200)
    parted.turn(0.5)
    assert parted.crew.by_partition() == [3, 3, 3]
    for _ in range(300):
        parted.crew.end_oldest()
        parted.turn(0.05)
        assert parted.crew.most == 9
    left = [len(store.data.jobs) for store in parted.stores]
    assert sum(left) == 300
    assert max(left) - min(left) < 10


@pytest.mark.parametrize("places", [1, 2])
def test_each_partition_has_its_turn_where_there_are_fewer_places_than_partitions(places: int) -> None:
    parted = Parted(partitions=4, places=places)
    for store in parted.stores:
        store.add(100)
    parted.turn(0.5)
    for _ in range(120):
        parted.crew.end_oldest()
        parted.turn(0.05)
    left = [len(store.data.jobs) for store in parted.stores]
    assert max(left) - min(left) < 5, left


def test_a_partition_that_gets_work_later_gets_every_other_place_until_it_has_its_part() -> None:
    parted = Parted(partitions=2, places=8)
    parted.stores[0].add(200)
    parted.turn(0.5)
    assert parted.crew.by_partition() == [8, 0]
    parted.stores[1].add(200)
    parted.turn(0.5)
    for _ in range(8):
        parted.crew.end_oldest()
        parted.turn(0.1)
    assert parted.crew.by_partition() == [4, 4]


def test_all_places_are_used_by_one_partition_if_the_others_have_no_work() -> None:
    parted = Parted(partitions=5, places=20)
    parted.turn(1)
    parted.stores[3].add(100)
    parted.turn(0.5)
    assert parted.crew.by_partition() == [0, 0, 0, 20, 0]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 40))])
def test_all_jobs_run_once_and_never_more_than_there_are_places_for(seed: int) -> None:
    draw = random.Random(seed)
    parted = Parted(partitions=draw.randint(2, 5), places=draw.randint(1, 6))
    ids = []
    for _ in range(60):
        store = draw.choice(parted.stores)
        ids += store.add(draw.randint(0, 3))
        for _ in range(draw.randint(0, len(parted.crew.running))):
            parted.crew.end(draw.choice(list(parted.crew.running)))
        parted.turn(draw.choice([0.005, 0.02, 0.2]))
    for _ in range(len(ids)):
        if parted.crew.running:
            parted.crew.end_oldest()
        parted.turn(0.1)
    assert parted.alive() == 0
    assert dict(parted.crew.ran) == dict.fromkeys(ids, 1)
    assert parted.crew.most <= parted.crew.places


# -- partitions that are away --


def test_a_partition_that_is_silent_keeps_places_from_the_others_for_a_short_time_only() -> None:
    parted = Parted(partitions=2, places=8)
    parted.turn(0.5)
    parted.crew.parts[0].is_silent = True
    parted.stores[0].add(8)
    parted.turn(0.02)
    parted.stores[1].add(8)
    parted.turn(LATE / 2)
    assert parted.crew.by_partition() == [0, 0]
    parted.turn(2 * LATE)
    assert parted.crew.by_partition() == [0, 8]


def test_what_a_silent_partition_has_given_all_the_same_goes_back_if_there_is_no_place_for_it() -> None:
    parted = Parted(partitions=2, places=4)
    parted.turn(0.5)
    parted.stores[0].add(4)
    parted.turn(0.01)  # they were claimed, and the answer is on its way
    parted.crew.parts[0].is_silent = True
    parted.stores[1].add(4)
    parted.turn(2 * LATE)
    assert parted.crew.by_partition() == [0, 4]
    parted.crew.parts[0].answer()
    parted.turn(0.5)
    assert parted.crew.by_partition() == [0, 4]
    assert [live.uncounted for live in parted.stores[0].data.jobs.values()] == [1] * 4
    for _ in range(4):
        parted.crew.end_oldest()
    parted.turn(0.5)
    assert (parted.crew.by_partition(), parted.crew.most) == ([4, 0], 4)


def test_jobs_of_a_partition_that_is_away_go_on_and_are_reported_when_it_is_back() -> None:
    parted = Parted(partitions=2, places=4)
    parted.stores[0].add(2)
    parted.stores[1].add(20)
    parted.turn(0.5)
    parted.crew.parts[0].is_away = True
    for id in [id for id in parted.crew.running if id.startswith("0-")]:
        parted.crew.end(id)
    parted.turn(5)
    assert (parted.crew.by_partition(), len(parted.stores[0].data.jobs)) == ([0, 4], 2)
    parted.crew.parts[0].is_away = False
    parted.turn(3)
    assert len(parted.stores[0].data.jobs) == 0


def test_only_the_session_of_a_partition_that_forgot_it_is_opened_anew() -> None:
    parted = Parted(partitions=2, places=4)
    for store in parted.stores:
        store.add(2)
    parted.turn(0.5)
    parted.stores[0].lose_data()
    parted.crew.sessions.resync(0)
    parted.turn(1)
    assert [parted.crew.sessions.of(number).name for number in (0, 1)] == ["worker.2", "worker.1"]
    for _ in range(4):
        parted.crew.end_oldest()
    parted.turn(0.5)
    assert parted.alive() == 0


# -- idle --


def test_an_idle_worker_takes_a_turn_each_second_whatever_the_number_of_partitions() -> None:
    parted = Parted(partitions=16)
    parted.turn(20)
    before = sum(len(part.turns) for part in parted.crew.parts)
    parted.turn(160)
    assert 150 <= sum(len(part.turns) for part in parted.crew.parts) - before <= 170
    times = sorted(time for part in parted.crew.parts for time, _ in part.turns if time > 20)
    assert max(b - a for a, b in pairwise(times)) < 1.5  # one after the other


@pytest.mark.parametrize("partitions", [1, 2, 3, 16, 64])
@pytest.mark.parametrize("lease", [1.0, 10.0, 60.0])
def test_each_lease_is_renewed_in_time(partitions: int, lease: float) -> None:
    for rests in rests_of(1.0, lease, partitions):
        assert rests.holding <= lease / 2
        assert rests.idle <= lease_of_nothing(lease, partitions) / 2
        assert 0 < rests.until(12.5) <= rests.idle


def test_a_worker_that_is_woken_and_has_no_place_has_another_one_look() -> None:
    parted = Parted(partitions=2, places=2)
    parted.turn(0.5)
    parted.stores[0].add(2)
    parted.turn(0.1)
    other = parted.hire(2, "other")
    parted.turn(0.5)
    assert (parted.crew.by_partition(), other.by_partition()) == ([2, 0], [0, 0])
    parted.stores[1].add(2)  # the store wakes the first one, which was the first to find nothing here
    parted.turn(0.1)
    assert (parted.crew.by_partition(), other.by_partition()) == ([2, 0], [0, 2])


# -- suspects --


def test_a_suspect_runs_alone_in_the_whole_worker() -> None:
    parted = Parted(partitions=3, places=6)
    for store in parted.stores:
        store.add(30)
    parted.turn(0.5)
    suspect = parted.stores[1].add_suspect()
    while suspect not in parted.crew.running:
        assert parted.crew.running, "nothing runs any more"
        parted.crew.end_oldest()
        parted.turn(0.1)
    assert list(parted.crew.running) == [suspect]
    parted.turn(5)
    assert list(parted.crew.running) == [suspect]
    parted.crew.end(suspect)
    parted.turn(0.5)
    assert parted.crew.by_partition() == [2, 2, 2]


def test_an_idle_worker_tries_a_suspect_and_takes_nothing_beside_it() -> None:
    parted = Parted(partitions=3, places=6)
    parted.turn(0.5)
    suspect = parted.stores[2].add_suspect()
    parted.turn(4)
    assert list(parted.crew.running) == [suspect]
    for store in parted.stores:
        store.add(2)
    parted.turn(4)
    assert list(parted.crew.running) == [suspect]
    parted.crew.end(suspect)
    parted.turn(0.5)
    assert parted.crew.by_partition() == [2, 2, 2]


def test_suspects_of_several_partitions_are_tried_in_turn() -> None:
    parted = Parted(partitions=3, places=6)
    suspects = [store.add_suspect() for store in parted.stores[:2] for _ in range(3)]
    parted.stores[2].add(2)
    tried = []
    while len(tried) < len(suspects):
        parted.turn(1)
        if len(parted.crew.running) == 1 and set(parted.crew.running) <= {*suspects}:
            tried.append(*parted.crew.running)
        parted.crew.end_oldest()
    assert {*tried} == {*suspects}
    numbers = [int(id[0]) for id in tried]
    assert numbers in ([0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0])
    parted.turn(1)
    while parted.crew.running:
        parted.crew.end_oldest()
        parted.turn(0.5)
    assert parted.alive() == 0


def test_a_suspect_that_runs_for_long_does_not_keep_the_others_for_ever() -> None:
    parted = Parted(partitions=2, places=4)
    parted.stores[0].add_suspect()
    parted.turn(4)
    parted.stores[1].add(10)
    parted.turn(ALONE / 2)
    assert parted.crew.by_partition() == [1, 0]
    parted.turn(ALONE)
    assert parted.crew.by_partition() == [1, 3]


def test_a_suspect_whose_partition_is_away_keeps_the_others_only_as_long_as_it_runs() -> None:
    parted = Parted(partitions=2, places=4)
    suspect = parted.stores[0].add_suspect()
    parted.turn(4)
    assert list(parted.crew.running) == [suspect]
    parted.crew.parts[0].is_away = True
    parted.stores[1].add(4)
    parted.turn(5)
    assert list(parted.crew.running) == [suspect]
    parted.crew.end(suspect)
    parted.turn(5)
    assert parted.crew.by_partition() == [0, 4]


def test_a_session_that_wants_to_be_alone_and_goes_away_keeps_nobody() -> None:
    parted = Parted(partitions=2, places=4)
    parted.stores[1].add(4)
    parted.turn(1)
    parted.stores[0].add_suspect()
    parted.turn(LEASE)  # it has looked, and waits for the others' ends
    parted.crew.parts[0].is_away = True
    parted.stores[1].add(4)
    parted.turn(1)
    for _ in range(4):
        parted.crew.end_oldest()
    parted.turn(LEASE / 2)
    assert parted.crew.by_partition() == [0, 4]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 40))])
def test_a_suspect_is_never_beside_another_job_whatever_comes(seed: int) -> None:
    """Partitions go away and come back meanwhile. In the end all have run."""
    draw = random.Random(seed)
    parted = Parted(partitions=3, places=4)
    suspects: set[str] = set()
    began: dict[str, float] = {}
    for _ in range(150):
        store = draw.choice(parted.stores)
        if draw.random() < 0.2:
            suspects.add(store.add_suspect())
        store.add(draw.randint(0, 2))
        part = draw.choice(parted.crew.parts)
        part.is_away = draw.random() < 0.3
        for _ in range(draw.randint(0, len(parted.crew.running))):
            parted.crew.end(draw.choice(list(parted.crew.running)))
        for _ in range(draw.choice([1, 4, 40])):
            parted.turn(0.005)
            now = parted.clock.seconds()
            began = {id: began.get(id, now) for id in parted.crew.running}
            tried = suspects & {*parted.crew.running}
            longest = max((now - began[id] for id in tried), default=0.0)
            assert not tried or len(parted.crew.running) == 1 or longest > ALONE
    for part in parted.crew.parts:
        part.is_away = False
    for _ in range(800):
        if parted.crew.running:
            parted.crew.end_oldest()
        parted.turn(0.2)
        if not parted.alive():
            break
    assert parted.alive() == 0
    assert parted.crew.most <= parted.crew.places


# -- ends --


def test_sessions_that_are_closed_end_once_they_have_reported() -> None:
    parted = Parted(partitions=3, places=3)
    for store in parted.stores:
        store.add(1)
    parted.turn(0.5)
    for _ in range(3):
        parted.crew.end_oldest()
    parted.crew.sessions.close()
    parted.turn(0.5)
    parted.crew.sessions.stop()
    assert parted.alive() == 0
    assert len(parted.crew.ended) == 1
    parted.turn(LATE)
    assert parted.clock.getDelayedCalls() == []
