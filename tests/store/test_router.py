"""Which partition is asked, where there are several."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.task import Clock

from relay.model.limits import Learned, Rate
from relay.model.problems.request import NoSuchJob, StoreAway, StoreReset
from relay.model.state import State
from relay.model.status import Outcome
from relay.store.codec import kept_outcome
from relay.store.fronts import RedisFrontStore
from relay.store.keys import Keys
from relay.store.messages import Submission
from relay.store.operators import RedisOperatorStore
from relay.store.router import Router
from relay.store.terms import StoreSettings
from relay.store.workers import RedisWorkerStore
from tests.store.test_store import a_job, roster

NOW = 1_000_000
TERMS = StoreSettings(60, 10, 100)


class FakePartition:
    """Knows the jobs whose ids it is given, as ended, and notes what it is asked."""

    def __init__(self, number: int) -> None:
        self.is_away = False
        self.keys = Keys(number)
        self.clock = Clock()
        self.asked: list[tuple[Any, ...]] = []
        self.on_data_loss: list[Any] = []
        self.keys_held: dict[str, str] = {}
        self.takes = self.is_up = True
        self.is_full = self.is_missed = False

    def learn_from(self, first: Any) -> None: ...

    def now(self) -> float:
        return float(NOW)

    def mint(self) -> str:
        return f"{self.keys.partition}-epoch-{len(self.asked)}"

    def minted_elsewhere(self, id: str) -> bool:
        return "-other-" in id

    def run(self, verb: str, words: Any) -> Deferred[tuple[int, list[Any]]]:
        self.asked.append((verb, *words))
        return succeed((NOW, [[b"new"]] * ((len(words) - 4) // 2)))

    async def verb(self, verb: str, *words: Any) -> list[Any]:
        if self.is_away:
            raise StoreAway
        self.asked.append((verb, *words))
        if verb == "attach":
            return [self.standing(id) for id in words[2:]]
        if verb == "look":
            return [self.standing(words[1])]
        if verb == "learned":
            return [b"host%d" % self.keys.partition, 5, 1000, 0]
        return [1, 7, 0, 0, 0, 0, 0]

    def standing(self, id: str) -> list[Any]:
        if not id.startswith(f"{self.keys.partition}-"):
            return [b"none"]
        outcome = Outcome(id, "echo", State.SUCCEEDED, 1, 2, 3, 4, 1, "1")
        return [b"done", kept_outcome(outcome, "me")]

    async def command(self, verb: str, key: str) -> bytes | None:
        self.asked.append((verb, key))
        found = self.keys_held.get(key)
        return found.encode() if found else None

    def within_deadline(self, deferred: Deferred[Any], verb: str) -> Deferred[Any]:
        return deferred


@pytest.fixture
def partitions() -> list[Any]:
    return [FakePartition(number) for number in range(3)]


@pytest.fixture
def front(partitions: list[Any]) -> RedisFrontStore:
    return RedisFrontStore(Router(partitions), "front", TERMS)


def done(deferred: Any) -> Any:
    got: list[Any] = []
    ensureDeferred(deferred).addBoth(got.append)
    return getattr(got[0], "type", got[0])


def test_a_job_is_where_its_id_says(partitions: list[Any], front: RedisFrontStore) -> None:
    for number, partition in enumerate(partitions):
        assert done(front.look("me", f"{number}-epoch-a")).id == f"{number}-epoch-a"
        assert partition.asked == [("look", "me", f"{number}-epoch-a")]


@pytest.mark.parametrize("id", ["", "x", "7-epoch-a", "-"])
def test_what_names_no_partition_is_no_job(front: RedisFrontStore, id: str) -> None:
    assert done(front.look("me", id)) is NoSuchJob


@pytest.mark.parametrize(
    ("is_sure", "of_another_data_set", "unknown"),
    [(True, StoreReset, NoSuchJob), (False, StoreAway, StoreAway)],
)
def test_who_may_be_cut_off_with_an_old_master_calls_no_job_lost(
    partitions: list[Any], is_sure: bool, of_another_data_set: type, unknown: type
) -> None:
    topology: Any = SimpleNamespace(is_sure=is_sure)
    front = RedisFrontStore(Router(partitions, topology), "front", TERMS)
    for partition in partitions:
        partition.standing = lambda id: [b"none"]
    assert done(front.look("me", "0-other-a")) is of_another_data_set
    assert done(front.attach("me", "1-other-a")) is of_another_data_set
    assert done(front.look("me", "0-epoch-a")) is unknown
    assert done(front.find("key")) is unknown


def test_jobs_without_a_key_are_spread_and_those_of_a_key_stay_together(
    partitions: list[Any], front: RedisFrontStore
) -> None:
    assert sorted(front.mint()[0] for _ in range(6)) == ["0", "0", "1", "1", "2", "2"]
    homes = {key: front.mint(key)[0] for key in "abcdefgh"}
    assert {key: front.mint(key)[0] for key in homes} == homes
    assert len(set(homes.values())) == 3
    for key, home in homes.items():
        id = f"{home}-epoch-z"
        partitions[int(home)].keys_held = {Keys(int(home)).idem(key): f"{id} fingerprint"}
        assert done(front.find(key)) == id


@settings(max_examples=30)
@given(st.text(), st.integers(1, 64))
def test_a_key_is_always_found_in_the_same_place(key: str, count: int) -> None:
    """Also by another process."""
    numbers = [
        Router([FakePartition(number) for number in range(count)]).of_key(key).keys.partition  # type: ignore[misc]
        for _ in range(2)
    ]
    assert numbers[0] == numbers[1] in range(count)


def test_a_job_is_submitted_where_its_id_was_minted(partitions: list[Any], front: RedisFrontStore) -> None:
    ids = [front.mint() for _ in partitions]
    for id in ids:
        assert done(front.submit(Submission(id, a_job()))).id == id
    assert [partition.asked[0][0] for partition in partitions] == ["submit"] * 3
    again = [Submission(id, a_job()) for id in reversed(ids)]
    assert [receipt.id for receipt in done(front.submit_again(again))] == ids[::-1]


def test_many_jobs_are_answered_in_the_order_in_which_they_were_asked_for(front: RedisFrontStore) -> None:
    ids = [f"{number % 3}-epoch-{number}" for number in range(200)] + ["no id"]
    known = done(front.attach_all(ids))
    assert [each.id for each in known[:-1]] == ids[:-1]
    assert known[-1] is None


def test_whoever_sweeps_reaps_or_looks_at_limits_goes_to_all(
    partitions: list[Any], front: RedisFrontStore
) -> None:
    router = Router(partitions)
    swept = [done(front.sweep(number)) for number in range(3)]
    assert [(each.there, each.version) for each in swept] == [(True, 7)] * 3
    operator, worker = RedisOperatorStore(router, TERMS), RedisWorkerStore(router, "worker", TERMS)
    assert done(operator.learned()).keys() == {"host0", "host1", "host2"}
    scopes = [f"host{number}" for number in range(9)]
    done(worker.learn(scopes, Learned(Rate(5, 1))))
    told = [words[4:] for partition in partitions for words in partition.asked if words[0] == "learn"]
    assert sorted(scope for some in told for scope in some) == scopes
    assert len(told) == 3
    assert all("sweep" in [words[0] for words in partition.asked] for partition in partitions)


def test_the_loss_of_any_partition_is_told_to_all_who_listen(partitions: list[Any]) -> None:
    router = Router(partitions)
    heard: list[int] = []
    router.on_data_loss.append(heard.append)
    for partition in partitions:
        for listener in partition.on_data_loss:
            listener(partition.keys.partition)
    assert heard == [0, 1, 2]


def test_a_worker_publishes_in_each_partition_that_answers_and_later_in_the_others(
    partitions: list[Any],
) -> None:
    worker = RedisWorkerStore(Router(partitions), "worker", TERMS)
    partitions[1].is_away = True
    done(worker.publish(roster("echo")))
    assert [len(partition.asked) for partition in partitions] == [1, 0, 1]
    partitions[1].is_away = False
    done(worker.publish(roster("echo")))
    assert [len(partition.asked) for partition in partitions] == [1, 1, 1]
    for partition in partitions:
        partition.clock.advance(5)
    done(worker.publish(roster("echo")))
    assert [len(partition.asked) for partition in partitions] == [2, 2, 2]


def test_a_worker_that_can_publish_nowhere_is_told_so(partitions: list[Any]) -> None:
    worker = RedisWorkerStore(Router(partitions), "worker", TERMS)
    for partition in partitions:
        partition.is_away = True
    assert done(worker.publish(roster("echo"))) is StoreAway


def test_what_a_worker_publishes_costs_no_more_where_there_are_many_partitions() -> None:
    partitions: list[Any] = [FakePartition(number) for number in range(16)]
    worker = RedisWorkerStore(Router(partitions), "worker", TERMS)
    for _ in range(100):  # seconds
        done(worker.publish(roster("echo")))
        for partition in partitions:
            partition.clock.advance(1)
    times = [words for partition in partitions for verb, *words in partition.asked if verb == "publish"]
    assert 100 <= len(times) <= 116
    assert {ttl for ttl, *_ in times} == {4 * 15_000}
