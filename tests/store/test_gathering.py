"""What is asked of all partitions, while some of them are away."""

from __future__ import annotations

from typing import Any

import pytest

from relay.model.limits import Learned, Rate
from relay.model.problems.request import NoSuchJob, StoreAway
from relay.store.codec import PROCESS, SCHEDULED
from relay.store.found import EVERYTHING, Part
from relay.store.fronts import RedisFrontStore
from relay.store.gathering import PartitionAway
from relay.store.keys import Keys
from relay.store.mail import MailKind
from relay.store.operators import RedisOperatorStore
from relay.store.router import Router
from relay.store.terms import StoreSettings
from relay.store.workers import RedisWorkerStore
from tests.store.test_router import NOW, FakePartition, done

TERMS = StoreSettings(60, 10, 100)
EPOCH = "epoch"


class TalkingPartition(FakePartition):
    """Answers as a script of operators does, unless it `is_away`."""

    is_away = False
    epoch = EPOCH

    async def verb(self, verb: str, *words: Any) -> list[Any]:
        return (await self.timed_verb(verb, *words))[1]

    async def timed_verb(self, verb: str, *words: Any) -> tuple[int, list[Any]]:
        self.asked.append((verb, *words))
        if self.is_away:
            raise StoreAway
        return NOW, self._answer(verb, self.keys.partition)

    def _answer(self, verb: str, number: int) -> list[Any]:
        match verb:
            case "totals":
                untold = (number, NOW - number) if number else (0, 0)
                return [
                    [1, 10 + number, 3, 2, 1, 100, *untold, [b"echo"], [b"name echo", b"%d" % (NOW - number)]]
                ]
            case "processes":
                told = {"name": b"w1", "seen": NOW + number, "told": b"%d" % number}
                return [told[field] for field in PROCESS.fields]
            case "died" | "live" | "ended":
                return [b"", 1, *_listed(f"{number}-epoch-a")]
            case "schedules":
                row = {
                    "name": b"tick",
                    "due": NOW + number,
                    "text": b"{}",
                    "paused": 0,
                    "fired": 0,
                    "id": b"",
                }
                return [row[field] for field in SCHEDULED.fields]
            case "tell" | "stop" | "pause":
                return [int(number == 1)]
            case "catalogue":
                return [1, []]
            case "reap":
                return [0]
        return []

    async def command(self, verb: str, *words: Any) -> Any:
        if self.is_away:
            raise StoreAway
        return await super().command(verb, words[0])

    async def check_writable(self) -> None:
        await self.verb("writable")


def _listed(id: str) -> list[Any]:
    return [id.encode(), b"echo", b"default", b"me", b"", b"queued", 1, 0, 0, 0, b""]


@pytest.fixture
def partitions() -> list[Any]:
    return [TalkingPartition(number) for number in range(3)]


@pytest.fixture
def operator(partitions: list[Any]) -> RedisOperatorStore:
    return RedisOperatorStore(Router(partitions), TERMS, "s1")


def test_figures_are_added_up_and_say_which_partition_is_away(
    partitions: list[Any], operator: RedisOperatorStore
) -> None:
    partitions[1].is_away = True
    totals = done(operator.totals())
    assert (totals.jobs, totals.running, totals.bytes) == (22, 6, 200)
    assert totals.parts == (
        Part(0, True, EPOCH, 10, 3, 2, 1, 100),
        Part(1),
        Part(2, True, EPOCH, 12, 3, 2, 1, 100),
    )
    assert totals.stopped == {"name echo": NOW - 2}
    assert (totals.untold, totals.oldest_untold) == (2, NOW - 2)
    partitions[1].is_away = False
    assert (done(operator.totals()).untold, done(operator.totals()).oldest_untold) == (3, NOW - 2)


def test_where_no_partition_answers_the_store_is_away(
    partitions: list[Any], operator: RedisOperatorStore
) -> None:
    for partition in partitions:
        partition.is_away = True
    for asking in (
        operator.totals(),
        operator.processes(),
        operator.check_writable(),
        operator.register(b"told"),
    ):
        assert done(asking) is StoreAway


def test_a_list_goes_over_all_partitions_and_names_those_that_it_leaves_out(
    partitions: list[Any], operator: RedisOperatorStore
) -> None:
    partitions[1].is_away = True
    slices, cursor = [], ""
    while not slices or cursor:
        slices.append(done(operator.died(EVERYTHING, cursor)))
        cursor = slices[-1].cursor
    assert [[job.id for job in each.jobs] for each in slices] == [["0-epoch-a"], [], ["2-epoch-a"]]
    assert [each.away for each in slices] == [(), (1,), ()]


def test_a_partition_that_gave_no_answer_a_moment_ago_is_not_waited_for_again(
    operator: RedisOperatorStore, partitions: list[Any]
) -> None:
    partitions[1].is_missed = True
    assert [part.is_up for part in done(operator.totals()).parts] == [True, False, True]
    first = done(operator.live("all"))
    assert done(operator.live("all", EVERYTHING, first.cursor)).away == (1,)
    assert partitions[1].asked == []


def test_a_process_tells_of_itself_in_one_partition_and_in_another_while_that_is_away(
    partitions: list[Any], operator: RedisOperatorStore
) -> None:
    done(operator.register(b"told"))
    (home,) = (each for each in partitions if each.asked)
    home.is_away = True
    done(operator.register(b"told"))
    assert sum(("register", "s1", b"told") in each.asked for each in partitions) == 2
    front = RedisFrontStore(Router(partitions), "f1", TERMS)
    done(front.register(b""))  # it leaves, wherever it was told of
    assert all(("register", "f1", b"") in each.asked for each in partitions)


def test_what_a_process_told_last_counts(operator: RedisOperatorStore) -> None:
    assert done(operator.processes()) == [("w1", NOW + 2, b"2")]


def test_acts_reach_all_partitions_and_say_so_where_one_was_not(
    partitions: list[Any], operator: RedisOperatorStore
) -> None:
    assert done(operator.stop_name("echo", True)) is True
    partitions[0].is_away = True
    for act in (operator.stop_name("echo", False), operator.reap("w1")):
        assert done(act) is StoreAway
    for each in partitions[1:]:
        assert {words[0] for words in each.asked} == {"stop", "reap"}


def test_what_one_partition_has_is_found_whichever_it_is(
    partitions: list[Any], operator: RedisOperatorStore
) -> None:
    assert done(operator.tell("w1", MailKind.QUIET)) is True
    assert done(operator.pause("tick", True)) is True
    partitions[0].is_away = True
    assert done(operator.pause("tick", True)) is True
    partitions[1].is_away = True
    assert done(operator.pause("tick", True)) is PartitionAway  # it may be there
    assert done(operator.tell("w1", MailKind.QUIET)) is PartitionAway


def test_a_schedule_that_has_moved_is_shown_once(operator: RedisOperatorStore) -> None:
    ((status, served),) = done(operator.schedules())
    assert (status.name, status.due, served) == ("tick", NOW + 2, False)


def test_a_key_is_found_wherever_its_job_was_pinned(partitions: list[Any]) -> None:
    router = Router(partitions)
    front, operator = RedisFrontStore(router, "front", TERMS), RedisOperatorStore(router, TERMS)
    home = router.of_key("digest")
    (elsewhere, third) = (each for each in partitions if each is not home)
    elsewhere.keys_held = {Keys(elsewhere.keys.partition).idem("digest"): "1-epoch-z fingerprint"}
    assert done(front.find("digest")) == done(operator.id_of_key("digest")) == "1-epoch-z"
    home.is_away = third.is_away = True
    assert done(front.find("digest")) == "1-epoch-z"
    elsewhere.keys_held = {}
    assert done(front.find("digest")) is StoreAway
    home.is_away = third.is_away = False
    assert done(front.find("digest")) is NoSuchJob


def test_what_is_learned_of_a_limit_is_told_where_its_jobs_are(partitions: list[Any]) -> None:
    router = Router(partitions)
    worker = RedisWorkerStore(router, "worker", TERMS)
    done(worker.learn([f"@api {value}" for value in range(20)], Learned(Rate(5, 1))))
    assert [each for each in partitions if each.asked] == [router.of_key("@api")]
