"""The catalogue: what is declared, what can't be read, and what is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.front.catalogue import RETURN, Catalogue
from relay.model.problems.registry import ProblemType
from relay.model.problems.request import NoWorker, StoreAway, UnknownJob
from relay.store import messages
from relay.store.messages import JobDefinition
from relay.submitting.offer import Offer
from tests.processes import RedisProcess, RelayProcess


class Store:
    """What a catalogue knows of a store."""

    def __init__(self) -> None:
        self.epoch = "first"
        self.declared: dict[str, bytes] = {}
        self.version = 0
        self.overdue = -30.0

    def epoch_of(self, partition: int) -> str:
        return self.epoch

    def up(self) -> list[int]:
        return [0]

    async def catalogue(self, partition: int = 0) -> messages.Definitions:
        return messages.Definitions(
            self.version, dict(self.declared), dict.fromkeys(self.declared, self.overdue)
        )

    def publish(self, name: str, text: bytes | None = None) -> None:
        self.declared[name] = text or declaration(name)
        self.version += 1

    def reset(self, epoch: str) -> None:
        self.epoch, self.declared, self.version = epoch, {}, 0


def declaration(name: str, **changed: Any) -> bytes:
    served = msgspec.to_builtins(JobDefinition(name, "default", 0, 1, False, None, None, {"type": "object"}))
    return msgspec.json.encode({**served, **changed})


def result(deferred: Deferred[Any]) -> Any:
    got: list[Any] = []
    deferred.addBoth(got.append)
    return got[0]


def offered(catalogue: Catalogue, name: str, held: bool = True) -> Any:
    """An offer, or the class of what is raised."""
    found = result(ensureDeferred(catalogue.offer(name, held, True)))
    return found if isinstance(found, Offer) else found.type


def hear(catalogue: Catalogue, store: Store) -> None:
    result(ensureDeferred(catalogue.hear(store.version)))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalogue(store: Store, clock: Clock) -> Catalogue:
    return Catalogue(clock, store)  # type: ignore[arg-type]


BAD = {
    "not JSON": b"{",
    "empty": b"\x00",
    "not an object": b"[]",
    "members missing": b'{"name": "bad"}',
    "not UTF-8": b'{"name": "\xff"}',
    "another's name": declaration("good"),
    "a fraction": declaration("bad", attempts=3.5),
    "a number for a switch": declaration("bad", once=1),
    "text for a number": declaration("bad", priority="high"),
    "an odd limit": declaration("bad", limit={"name": 1}),
    "a schema of another type": declaration("bad", schema=[]),
    "a pattern of Python's": declaration("bad", schema={"properties": {"x": {"pattern": r"\Ax\Z"}}}),
    "a pattern that explodes": declaration("bad", schema={"pattern": "((a{100}){100}){100}"}),
    "a type that is not one": declaration("bad", schema={"type": "object?"}),
    "a reference to nothing": declaration("bad", schema={"$ref": "#/$defs/x"}),
    "a reference to elsewhere": declaration("bad", schema={"$ref": "http://127.0.0.1:9/schema"}),
    "a deep schema": declaration("bad")[:-2].replace(b'"type":"object"', b'"not":{' * 900) + b"}" * 902,
    "shapes of another type": declaration("bad", schema={"x-relay-shapes": 1}),
    "no shapes": declaration("bad", schema={"x-relay-shapes": {"records": []}}),
    "a record that is not there": declaration(
        "bad",
        schema={
            "x-relay-shapes": {"records": [{"members": [{"name": "x", "shape": {"is": "record", "at": 7}}]}]}
        },
    ),
    "a default that does not fit": declaration(
        "bad",
        schema={
            "x-relay-shapes": {
                "records": [
                    {"members": [{"name": "x", "shape": {"is": "number", "whole": True}, "default": "y"}]}
                ]
            }
        },
    ),
    "two members of one name": declaration(
        "bad",
        schema={"x-relay-shapes": {"records": [{"members": [{"name": "x", "shape": {"is": "text"}}] * 2}]}},
    ),
}


def test_a_problem_that_a_job_declares_is_known_by_its_slug(
    catalogue: Catalogue, store: Store, no_logged_failures: list[LogEvent]
) -> None:
    declined = ProblemType("card-declined", "The card was declined", 402, "Ask for another card.")
    store.publish("charge", declaration("charge", problems=[msgspec.to_builtins(declined)]))
    store.publish("old", declaration("old"))
    store.publish("odd", b"{")
    hear(catalogue, store)
    assert catalogue.problem_type("card-declined") == declined
    assert catalogue.problem_type("other") is None
    assert no_logged_failures.pop()["name"] == "odd"


def test_a_job_of_a_worker_that_knows_no_problems_is_offered(catalogue: Catalogue, store: Store) -> None:
    older = msgspec.json.decode(declaration("old"))
    del older["problems"]
    store.publish("old", msgspec.json.encode(older))
    hear(catalogue, store)
    assert isinstance(offered(catalogue, "old", held=False), Offer)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_declaration_that_can_not_be_read_is_logged_once_and_harms_no_other(
    store: Store, catalogue: Catalogue, no_logged_failures: list[LogEvent], text: bytes
) -> None:
    store.publish("good")
    store.publish("bad", text)
    hear(catalogue, store)
    assert isinstance(offered(catalogue, "good"), Offer)
    assert offered(catalogue, "bad") is NoWorker
    store.publish("another")
    hear(catalogue, store)
    assert isinstance(offered(catalogue, "another"), Offer)
    assert [event["name"] for event in no_logged_failures] == ["bad"]
    no_logged_failures.clear()
    store.publish("bad")
    hear(catalogue, store)
    assert isinstance(offered(catalogue, "bad"), Offer)


def test_a_declaration_that_stays_as_it_was_is_not_read_again(store: Store, catalogue: Catalogue) -> None:
    store.publish("one")
    hear(catalogue, store)
    before = offered(catalogue, "one")
    store.publish("other")
    hear(catalogue, store)
    assert offered(catalogue, "one") is before
    store.publish("one", declaration("one", priority=1))
    hear(catalogue, store)
    assert offered(catalogue, "one").served.priority == 1


def test_what_the_store_has_forgotten_is_forgotten(store: Store, catalogue: Catalogue) -> None:
    store.publish("stays")
    store.publish("goes")
    hear(catalogue, store)
    del store.declared["goes"]
    store.version += 1
    hear(catalogue, store)
    assert isinstance(offered(catalogue, "stays"), Offer)
    assert offered(catalogue, "goes") is UnknownJob


def test_a_store_that_was_reset_makes_nothing_unknown_until_workers_had_time_to_come_back(
    store: Store, catalogue: Catalogue, clock: Clock
) -> None:
    store.publish("back")
    store.publish("gone")
    hear(catalogue, store)
    store.reset("second")
    hear(catalogue, store)
    assert isinstance(offered(catalogue, "gone", held=False), Offer)
    store.publish("back")
    hear(catalogue, store)
    clock.advance(RETURN - 1)
    hear(catalogue, store)
    assert isinstance(offered(catalogue, "gone", held=False), Offer)
    assert offered(catalogue, "gone", held=True) is NoWorker
    clock.advance(2)
    hear(catalogue, store)
    assert offered(catalogue, "gone", held=False) is UnknownJob
    assert isinstance(offered(catalogue, "back"), Offer)


def test_hostile_entries_in_redis_leave_the_jobs_beside_them_alone(
    redis: RedisProcess, tmp_path: Path
) -> None:
    worker = RelayProcess(tmp_path, "worker", "--redis", redis.url, "--jobs", "relay.jobs", "--drain", "1")
    worker.start()
    for number, text in enumerate(BAD.values()):
        redis.client.hset("{r0}:serve", f"bad{number}", text)
    redis.client.hset("{r0}:serve", b"\xff\x00", b"\xff")
    redis.client.incr("{r0}:catalogue")
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--drain", "1")
    front.start()
    assert front.call("POST", "/jobs/echo", {"message": 1}).json()["result"] == 1
    answer = front.call("POST", "/jobs/bad0")
    assert (answer.status, answer.json()["type"]) == (503, "/problems/no-worker")
    for process in (front, worker):
        process.stop()


def test_a_worker_promises_the_jobs_of_its_queues_only(redis: RedisProcess, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from relay import job\n"
        "@job(queue='slow')\ndef heavy(outcome=None): ...\n"
        "@job(queue='fast', then=heavy)\ndef quick(): return 'fast'\n"
    )
    options = "--redis", redis.url, "--jobs", "mine", "--queues", "fast", "--drain", "1"
    worker = RelayProcess(tmp_path, "worker", *options)
    worker.start()
    worker.wait_for("relay worker serves quick$")
    assert redis.client.hkeys("{r0}:serve") == [b"quick"]
    worker.stop()


class Parted:
    """A store with two partitions."""

    def __init__(self) -> None:
        self.parts = [Store(), Store()]
        self.away: set[int] = set()

    def epoch_of(self, partition: int) -> str:
        return self.parts[partition].epoch

    def up(self) -> list[int]:
        return [number for number in (0, 1) if number not in self.away] or [0, 1]

    async def catalogue(self, partition: int = 0) -> messages.Definitions:
        if partition in self.away:
            raise StoreAway
        return await self.parts[partition].catalogue()

    def publish(self, name: str, text: bytes | None = None) -> None:
        for number, part in enumerate(self.parts):
            if number not in self.away:
                part.publish(name, text)


def test_jobs_are_known_while_one_partition_answers(clock: Clock) -> None:
    store = Parted()
    catalogue = Catalogue(clock, store)  # type: ignore[arg-type]
    store.publish("one")
    store.away = {1}
    assert isinstance(offered(catalogue, "one"), Offer)
    store.away = {0}
    store.publish("two")
    assert isinstance(offered(catalogue, "two"), Offer)
    assert isinstance(offered(catalogue, "one"), Offer)
    store.away = {0, 1}
    assert offered(catalogue, "three") is StoreAway


def test_of_two_partitions_the_one_counts_that_was_not_away_when_the_worker_spoke(clock: Clock) -> None:
    store = Parted()
    catalogue = Catalogue(clock, store)  # type: ignore[arg-type]
    store.publish("one", declaration("one", attempts=1))
    store.parts[1].overdue = -5.0
    store.away = {1}
    store.publish("one", declaration("one", attempts=2))
    store.away = set()
    for number in (0, 1):
        result(ensureDeferred(catalogue.hear(store.parts[number].version, number)))
    assert offered(catalogue, "one").served.attempts == 2


def test_one_partition_that_was_reset_makes_nothing_unknown(clock: Clock) -> None:
    store = Parted()
    catalogue = Catalogue(clock, store)  # type: ignore[arg-type]
    store.publish("one")
    for number in (0, 1):
        result(ensureDeferred(catalogue.hear(store.parts[number].version, number)))
    store.parts[1].reset("second")
    result(ensureDeferred(catalogue.hear(0, 1)))
    clock.advance(RETURN + 1)
    assert isinstance(offered(catalogue, "one", held=False), Offer)
    store.parts[0].reset("second")
    result(ensureDeferred(catalogue.hear(0, 0)))
    assert isinstance(offered(catalogue, "one", held=False), Offer)
    clock.advance(RETURN + 1)
    result(ensureDeferred(catalogue.hear(0, 0)))
    assert offered(catalogue, "one", held=False) is NoWorker
