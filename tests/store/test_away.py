"""A partition that is away takes nothing along but its own jobs and keys."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.model.ids import partition_of
from relay.model.problems.request import StoreAway
from relay.redis.connection import Connection
from relay.store.fronts import RedisFrontStore
from relay.store.keys import Keys
from relay.store.messages import Submission
from relay.store.partition import DEADLINE, Partition
from relay.store.router import Router
from relay.store.scripts import script
from relay.store.terms import StoreSettings
from tests.redis.memory import MemoryRedis, Words, plain
from tests.store.test_store import a_job

OPEN = script("open").sha.encode()
NEW = b"*4\r\n$2\r\nOK\r\n:1000\r\n:0\r\n*1\r\n$3\r\nnew\r\n"


def healthy(words: Words) -> bytes | None:
    return NEW if words[0] in (b"EVALSHA", b"FCALL") and words[1] != OPEN else plain(words)


class Scene:
    """A front's store, whose three partitions are on servers of their own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.servers = [MemoryRedis(self.clock) for _ in range(3)]
        partitions = []
        for number, server in enumerate(self.servers):
            server.answer = healthy
            partitions.append(Partition(self.clock, Connection(self.clock, server), Keys(number, 3)))
        self.router = Router(partitions)
        self.store = RedisFrontStore(self.router, "front", StoreSettings(60, 10, 100))
        self.store.start()
        self.turn()
        self.pins = {}
        for letter in "abcdefghij":
            self.pins.setdefault(self.router.of_key(letter).keys.partition, letter)

    def turn(self, seconds: float = 0.0) -> None:
        for _ in range(1 + int(seconds / 0.05)):
            for server in self.servers:
                server.turn()
            self.clock.advance(0.05)

    def submit(self, pin: str = "") -> tuple[int, Any]:
        """Where a job goes, and what comes of it."""
        id = self.store.mint(pin)
        result: list[Any] = []
        self.store.submit(Submission(id, a_job())).addBoth(result.append)
        self.turn(DEADLINE + 0.1 if self.servers[partition_of(id)].answer is not healthy else 0)
        return partition_of(id), getattr(result[0], "type", type(result[0]).__name__) if result else None


@pytest.fixture
def scene() -> Scene:
    return Scene()


def silent(words: Words) -> bytes | None:
    return None


def test_its_own_jobs_are_refused_and_others_go_elsewhere(scene: Scene) -> None:
    assert [scene.submit(scene.pins[number]) for number in range(3)] == [(n, "Receipt") for n in range(3)]
    scene.servers[1].refuses, scene.servers[1].answer = True, silent
    scene.servers[1].cut()
    scene.turn(1)
    assert scene.store.up() == [0, 2]
    assert scene.submit(scene.pins[1]) == (1, StoreAway)
    went = [scene.submit() for _ in range(8)]
    assert {number for number, _ in went} == {0, 2}
    assert {result for _, result in went} == {"Receipt"}
    scene.servers[1].refuses, scene.servers[1].answer = False, healthy
    scene.turn(1)
    assert scene.store.up() == [0, 1, 2]
    assert {number for number, _ in [scene.submit() for _ in range(8)]} == {0, 1, 2}


def test_one_that_hangs_gets_no_further_jobs_until_it_answers(scene: Scene) -> None:
    scene.servers[1].answer = silent
    assert scene.submit(scene.pins[1]) == (1, StoreAway)
    assert scene.store.up() == [0, 2]
    assert [partition.is_missed for partition in scene.router.all()] == [False, True, False]
    assert {number for number, _ in [scene.submit() for _ in range(8)]} == {0, 2}
    scene.servers[1].answer = healthy
    scene.turn(6)  # until its connection is given up for another
    Deferred.fromCoroutine(scene.store.sweep(1)).addErrback(lambda _: None)
    scene.turn()
    assert scene.store.up() == [0, 1, 2]


def test_one_that_was_missed_is_asked_again_by_those_who_ask_all(scene: Scene) -> None:
    missed = scene.router.all()[1]
    scene.servers[1].answer = silent
    scene.submit(scene.pins[1])
    assert missed.is_missed
    scene.turn(5.1)
    assert (missed.is_missed, missed.is_up) == (False, False)


def test_where_all_are_away_each_is_tried(scene: Scene) -> None:
    for server in scene.servers:
        server.refuses, server.answer = True, silent
        server.cut()
    scene.turn(1)
    assert scene.store.up() == [0, 1, 2]
    assert scene.submit()[1] is StoreAway
