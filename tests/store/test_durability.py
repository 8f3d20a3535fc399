"""When what a partition was given counts as durable, on a Redis in memory."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from relay.model.problems.request import NotDurable, StoreReset
from relay.redis.connection import Connection
from relay.store.durability import APART, LINKS, SECONDS, Durability
from relay.store.keys import Keys
from relay.store.partition import Partition
from relay.store.proof import ProofWanted
from tests.redis.memory import MemoryRedis, Words, bulk, plain

PATIENCE = SECONDS + 0.2
REPLICA = ProofWanted("replica")
WITH_REPLICA = b"redis_version:7.0.15\r\nconnected_slaves:1\r\n"


class Scene:
    """A partition with a replica, and what its server says; waits are answered when a test says so."""

    def __init__(self, wanted: ProofWanted = REPLICA, info: bytes = WITH_REPLICA, replicas: int = 0) -> None:
        self.redis = MemoryRedis(Clock())
        self.redis.answer = self.answer
        self.run, self.epoch, self.seq = b"abc", b"first", 7
        self.info = info
        self.mark: bytes | None = None
        self.wait: bytes | None = b":1\r\n"
        clock, keys = self.redis.clock, Keys()
        self.links = 0

        def link() -> Connection:
            self.links += 1
            return Connection(clock, self.redis)

        self.durability = Durability(clock, keys, link, wanted, replicas=lambda: replicas)
        self.partition = Partition(clock, Connection(clock, self.redis), durability=self.durability)
        self.unfit: list[str] = []
        self.partition.on_unfit = self.unfit.append
        self.partition.start()
        self.redis.turn()

    def answer(self, words: Words) -> bytes | None:
        if words[0] == b"INFO":
            return bulk(self.info + b"run_id:" + self.run + b"\r\n")
        if words[0] == b"EVALSHA":
            return b"*2\r\n%b:%d\r\n" % (bulk(self.epoch), self.seq)
        if words[0] == b"EVAL":
            if words[-2] != self.epoch:
                return b"*2\r\n$5\r\nEPOCH\r\n%b" % bulk(self.epoch)
            return self.mark or b"*3\r\n$2\r\nOK\r\n:1000\r\n:%d\r\n" % self.seq
        return self.wait if words[0] == b"WAIT" else plain(words)

    def ask(self) -> list[Any]:
        """What comes of it is in the list: None, or an error."""
        came: list[Any] = []
        self.durability.reached().addBoth(came.append)
        return came

    def asked(self) -> list[bytes]:
        return [verb for verb in self.redis.verbs() if verb in (b"EVAL", b"WAIT", b"WAITAOF")]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def error(came: list[Any]) -> Exception:
    (failure,) = came
    assert isinstance(failure, Failure)
    assert isinstance(failure.value, Exception)
    return failure.value


def test_a_write_is_durable_when_a_replica_has_a_mark_that_came_behind_it(scene: Scene) -> None:
    came = scene.ask()
    scene.redis.turn()
    assert (came, scene.asked()) == ([None], [b"EVAL", b"WAIT"])
    assert scene.redis.asked[-1] == [b"WAIT", b"1", b"1500"]


def test_nobody_who_does_not_ask_has_a_link_more(scene: Scene) -> None:
    assert (scene.links, scene.redis.connects) == (0, 1)


def test_too_few_replicas_are_not_durable(scene: Scene) -> None:
    scene.wait = b":0\r\n"
    came = scene.ask()
    scene.redis.turn()
    assert isinstance(error(came), NotDurable)
    assert "0 of 1 replicas" in str(error(came))


def test_all_replicas_that_could_take_over_have_to_have_it() -> None:
    scene = Scene(replicas=2)  # one of which is promoted already, and the other still follows
    came = scene.ask()
    scene.redis.turn()
    assert scene.redis.asked[-1][:2] == [b"WAIT", b"2"]
    assert str(error(came)).startswith("1 of 2 replicas have it")


def test_a_server_that_says_nothing_is_given_up_in_time_and_its_late_answer_harms_nobody(
    scene: Scene,
) -> None:
    scene.wait = None
    came = scene.ask()
    scene.redis.turn(PATIENCE)
    assert isinstance(error(came), NotDurable)
    scene.wait = b":1\r\n"
    later = scene.ask()
    scene.redis.turn(2 * SECONDS)
    assert later == [None]


def test_those_who_come_at_once_are_asked_for_together(scene: Scene) -> None:
    scene.wait = None
    first, second, third = scene.ask(), scene.ask(), scene.ask()
    scene.redis.turn()
    scene.wait = b":1\r\n"
    scene.redis.push(b":1\r\n")
    assert (first, second, third) == ([None], [None], [None])
    assert scene.asked() == [b"EVAL", b"WAIT"] * 2


def test_a_question_that_takes_long_does_not_keep_others_waiting(scene: Scene) -> None:
    scene.wait = None
    first = scene.ask()
    scene.redis.turn()
    second = scene.ask()
    scene.redis.turn(APART - 0.1)
    assert scene.links == 1
    scene.wait = b":1\r\n"
    scene.redis.turn(0.15)
    assert (first, second, scene.links) == ([], [None], 2)


def test_there_are_only_so_many_links(scene: Scene) -> None:
    scene.wait = None
    for _ in range(3 * LINKS):
        scene.ask()
        scene.redis.turn(APART)
        if len(scene.asked()) > 2 * LINKS:
            break
    assert scene.links == LINKS


def test_what_was_written_in_another_epoch_may_be_lost(scene: Scene) -> None:
    scene.epoch = b"second"  # somebody else has opened the server that has taken over
    came = scene.ask()
    scene.redis.turn()
    assert isinstance(error(came), StoreReset)


def test_a_server_that_has_lost_the_end_of_its_history_proves_nothing(scene: Scene) -> None:
    scene.seq = 6
    came = scene.ask()
    scene.redis.turn()
    assert isinstance(error(came), StoreReset)


def test_another_run_of_the_server_proves_nothing(scene: Scene) -> None:
    scene.run = b"another"  # whose data set has the same epoch still, and the same seq
    came = scene.ask()
    scene.redis.turn(PATIENCE)
    assert isinstance(error(came), NotDurable)
    assert scene.asked() == []


def test_a_link_that_breaks_is_asked_again(scene: Scene) -> None:
    scene.wait = None
    came = scene.ask()
    scene.redis.turn()
    scene.redis.cut()
    scene.wait = b":1\r\n"
    scene.redis.turn(0.5)
    assert came == [None]
    assert scene.asked() == [b"EVAL", b"WAIT"] * 2


@pytest.mark.parametrize("refusal", [b"-NOREPLICAS Not enough good replicas\r\n", b"-NOPERM no WAIT\r\n"])
def test_what_redis_refuses_is_not_durable_and_says_why(scene: Scene, refusal: bytes) -> None:
    scene.mark = refusal
    came = scene.ask()
    scene.redis.turn()
    assert isinstance(error(came), NotDurable)
    assert str(error(came)) == refusal.decode()[1:-2]


def test_a_server_that_can_prove_nothing_is_not_waited_for() -> None:
    scene = Scene(ProofWanted(), b"redis_version:7.0.15\r\n")
    assert "it has no replica" in str(error(scene.ask()))
    assert (scene.unfit, scene.links) == ([], 0)


def test_a_replica_that_was_there_is_waited_for_when_another_server_has_none() -> None:
    scene = Scene(ProofWanted())
    scene.info, scene.run, scene.epoch = b"redis_version:9.0.0\r\naof_enabled:1\r\n", b"another", b"second"
    scene.redis.cut()
    scene.redis.turn(0.5)
    scene.wait = b":0\r\n"
    came = scene.ask()
    scene.redis.turn()
    assert "0 of 1 replicas" in str(error(came))


def test_an_operator_s_choice_that_the_server_can_t_meet_ends_the_program() -> None:
    scene = Scene(ProofWanted("disk"))
    assert scene.unfit == ["--durable disk: it keeps no append-only file (appendonly yes)"]


def test_who_stops_waits_for_nothing(scene: Scene) -> None:
    scene.wait = None
    scene.ask()
    scene.redis.turn()
    waiting = scene.ask()
    scene.partition.stop()
    scene.redis.turn(1)
    assert len(waiting) == 1
    assert isinstance(error(scene.ask()), NotDurable)
