"""Which server and which data set a link leads to, and what that means for the verbs."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, ensureDeferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent

from relay.model.problems.request import StoreAway
from relay.redis.connection import Connection
from relay.store.keys import Keys
from relay.store.partition import DEADLINE, Partition, why_away
from relay.store.scripts import script
from tests.processes import RedisProcess
from tests.redis.memory import MemoryRedis, Words, bulk, plain

OPEN = script("open").sha.encode()


class Scene:
    """A partition on a Redis in memory whose answers are set by attributes."""

    def __init__(self) -> None:
        self.redis = MemoryRedis(Clock())
        self.redis.answer = self.answer
        self.info: bytes = b"redis_version:7.0.15\r\nrun_id:abc\r\n"
        self.epoch, self.seq = b"first", 0
        self.verb: bytes = b"*3\r\n$2\r\nOK\r\n:1000\r\n:0\r\n"
        self.partition = Partition(self.redis.clock, Connection(self.redis.clock, self.redis))
        self.losses = 0
        self.unfit: list[str] = []
        self.partition.on_data_loss.append(self.lost)
        self.partition.on_unfit = self.unfit.append
        self.partition.start()

    def lost(self, partition: int) -> None:
        self.losses += 1

    def answer(self, words: Words) -> bytes | None:
        if words[0] == b"INFO":
            return self.info if self.info.startswith(b"-") else bulk(self.info)
        if words[0] == b"EVALSHA" and words[1] == OPEN:
            return b"*2\r\n%b:%d\r\n" % (bulk(self.epoch), self.seq)
        if words[0] == b"EVALSHA":
            return self.verb
        return plain(words)

    def ask(self, seconds: float = 0.0) -> Any:
        """What a verb comes to: its answer, or the exception; None while it waits."""
        result: list[Any] = []
        ensureDeferred(self.partition.verb("look", "me", "id")).addBoth(result.append)
        self.redis.turn(seconds)
        return getattr(result[0], "value", result[0]) if result else None

    def scripts(self) -> int:
        return sum(words[0] == b"EVALSHA" and words[1] != OPEN for words in self.redis.asked)


@pytest.fixture
def scene() -> Scene:
    return Scene()


EVICTS = b"redis_version:7.0.15\r\nrun_id:other\r\nmaxmemory_policy:volatile-lru\r\n"
REFUSALS = [
    b"-BUSY no\r\n",
    b"-MISCONF no\r\n",
    b"-NOREPLICAS no\r\n",
    b"-NOPERM no\r\n",
    b"-OOM no\r\n",
    b"-ERR what\r\n",
    b"-WHAT EVER\r\n",
    b"$-1\r\n",
    b":7\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*2\r\n$2\r\nOK\r\n$-1\r\n",
    b"*1\r\n:1\r\n",
]


@pytest.mark.parametrize("said", REFUSALS)
def test_whatever_redis_says_to_a_verb_is_store_away_on_the_same_connection(
    scene: Scene, said: bytes, no_logged_failures: list[LogEvent]
) -> None:
    scene.redis.turn(1)
    good, scene.verb = scene.verb, said
    assert isinstance(scene.ask(), StoreAway)
    scene.verb = good
    assert scene.ask() == []
    assert scene.redis.connects == 1
    no_logged_failures.clear()


def test_a_verb_that_waited_waits_again_if_what_was_opened_is_lost_before_its_turn(scene: Scene) -> None:
    result: list[Any] = []
    first = scene.partition._opening.wait()
    first.addCallback(lambda _: scene.partition._link.drop("it is lost"))
    waiting = scene.partition.run("look", ["me", "id"])
    waiting.addBoth(result.append)
    scene.redis.turn()
    assert (result, scene.scripts()) == ([], 0)
    scene.redis.turn(1)
    assert result == [(1000, [])]
    assert (scene.scripts(), scene.redis.connects) == (1, 2)


def test_a_verb_that_waits_is_forgotten_when_it_is_cancelled(scene: Scene) -> None:
    waiting = scene.partition.run("look", ["me", "id"])
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    waiting.cancel()
    scene.redis.turn(1)
    assert scene.partition.is_up
    assert scene.scripts() == 0


HALF = [b"-ASK 1 h:1\r\n", b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n"]


@pytest.mark.parametrize("said", HALF)
def test_a_verb_waits_for_the_other_half_of_its_keys_on_the_same_connection(
    scene: Scene, said: bytes, no_logged_failures: list[LogEvent]
) -> None:
    scene.redis.turn(1)
    good, scene.verb = scene.verb, said
    result: list[Any] = []
    ensureDeferred(scene.partition.verb("look", "me", "id")).addBoth(result.append)
    scene.redis.turn(1)
    assert not result
    assert scene.scripts() <= 12
    scene.verb = good
    scene.redis.turn(0.2)
    assert result == [[]]
    assert scene.redis.connects == 1
    assert no_logged_failures == []


@pytest.mark.parametrize("said", HALF)
def test_a_verb_waits_for_the_other_half_of_its_keys_no_longer_than_it_may_take(
    scene: Scene, said: bytes, no_logged_failures: list[LogEvent]
) -> None:
    scene.redis.turn(1)
    scene.verb = said
    away = scene.ask(DEADLINE)
    assert isinstance(away, StoreAway)
    assert why_away(away).startswith(f"Redis refuses: {said[1:4].decode()}")
    no_logged_failures.clear()


@pytest.mark.parametrize(
    "said", [b"-READONLY no\r\n", b"-MOVED 1 h:1\r\n", b"-ERR x: -LOADING\r\n", b"hello\r\n"]
)
def test_a_server_that_is_not_the_one_to_ask_is_asked_over_another_connection(
    scene: Scene, said: bytes
) -> None:
    scene.redis.turn(1)
    good, scene.verb = scene.verb, said
    assert isinstance(scene.ask(), StoreAway)
    scene.verb = good
    assert scene.ask(1) == []
    assert scene.redis.connects > 1


@pytest.mark.parametrize("info", [EVICTS, b"redis_version:6.2.1\r\nrun_id:other\r\n"])
def test_a_server_that_is_not_fit_is_refused_at_the_start(
    scene: Scene, info: bytes, no_logged_failures: list[LogEvent]
) -> None:
    scene.info = info
    scene.redis.turn(5)
    assert len(scene.unfit) == 1
    assert isinstance(scene.ask(), StoreAway)
    assert scene.scripts() == 0
    no_logged_failures.clear()


@pytest.mark.parametrize("said", [b"-NOAUTH no\r\n", b"-WRONGPASS no\r\n", b"-NOPERM no\r\n"])
@pytest.mark.parametrize("where", ["greeting", "script"])
def test_rights_that_are_missing_at_the_start_are_told(
    scene: Scene, said: bytes, where: str, no_logged_failures: list[LogEvent]
) -> None:
    word = b"PING" if where == "greeting" else b"EVALSHA"
    scene.redis.answer = lambda words: said if words[0] == word else scene.answer(words)
    scene.redis.turn(10)
    assert len(scene.unfit) == 1
    assert said.split()[0].decode().strip("-") in scene.unfit[0]
    assert no_logged_failures == []  # one line is enough: the one that ends the program


@pytest.mark.parametrize(
    "said", [b"-BUSY no\r\n", b"-LOADING no\r\n", b"-ERR max number of clients reached\r\n"]
)
def test_what_passes_is_waited_for_at_the_start(scene: Scene, said: bytes) -> None:
    scene.redis.answer = lambda words: said
    scene.redis.turn(10)
    assert scene.unfit == []
    scene.redis.answer = scene.answer
    scene.redis.turn(3)
    assert scene.ask() == []


def test_one_that_becomes_unfit_is_not_used_until_it_is_fit_again(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    scene.redis.turn(1)
    asked, good, scene.info = scene.scripts(), scene.info, EVICTS
    scene.redis.cut()
    scene.redis.turn(110)
    assert isinstance(scene.ask(), StoreAway)
    assert scene.scripts() == asked
    assert scene.unfit == []
    said = [formatEvent(event) for event in no_logged_failures]
    assert len(said) == 2  # in 110 s
    assert "maxmemory-policy is volatile-lru" in said[0]
    no_logged_failures.clear()
    scene.info = good.replace(b"abc", b"other")
    scene.redis.turn(1.5)
    assert scene.ask() == []
    assert scene.losses == 1


@pytest.mark.parametrize("info", [b"-BUSY no\r\n", b"$-1", b"run_id"])
def test_a_server_that_can_not_say_who_it_is_just_now_is_asked_again(
    scene: Scene, info: bytes, no_logged_failures: list[LogEvent]
) -> None:
    scene.redis.turn(1)
    good, scene.info = scene.info, info
    scene.redis.cut()
    scene.redis.turn(3)
    scene.info = good
    scene.redis.turn(2)
    assert scene.ask() == []
    no_logged_failures.clear()


# -- lost history --


def test_a_connection_to_the_same_server_has_lost_nothing(scene: Scene) -> None:
    scene.redis.turn(1)
    scene.redis.cut()
    scene.redis.turn(1)
    assert scene.ask() == []
    assert scene.losses == 0


def test_without_info_each_connection_but_the_first_may_lead_to_one_that_lost_something(scene: Scene) -> None:
    scene.info = b"-NOPERM no\r\n"
    scene.redis.turn(1)
    assert scene.losses == 0
    for number in (1, 2):
        scene.redis.cut()
        scene.redis.turn(1)
        assert scene.losses == number
    (*_, last) = [words for words in scene.redis.asked if words[:2] == [b"EVALSHA", OPEN]]
    assert last[-5:-1] == [b"", b"0", b"first", b"1"]
    assert scene.ask() == []


def test_a_data_set_that_is_behind_what_was_heard_of_it_has_lost_something(scene: Scene) -> None:
    scene.redis.turn(1)
    opening = scene.partition._opening
    opening.heard(7)
    opening.heard(-1)  # not said
    opening.heard(7)
    scene.redis.turn(1)
    assert scene.losses == 0
    scene.seq = 5
    opening.heard(5)
    scene.redis.turn(1)
    assert scene.losses == 1
    assert scene.redis.asked[-1][-4:-1] == [b"7", b"first", b"1"]
    opening.heard(6)
    scene.redis.turn(1)
    assert scene.losses == 1


def test_a_listener_that_fails_keeps_no_other_from_hearing_of_a_loss(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    def fail(partition: int) -> None:
        raise ValueError

    scene.partition.on_data_loss.insert(0, fail)
    scene.redis.turn(1)
    scene.partition._opening.heard(7)
    scene.partition._opening.heard(5)
    scene.redis.turn(1)
    assert scene.losses == 1
    assert [event["log_failure"].type for event in no_logged_failures] == [ValueError]
    no_logged_failures.clear()


def test_a_data_set_for_another_number_of_partitions_is_not_used_and_both_numbers_are_said() -> None:
    redis, unfit = MemoryRedis(Clock()), list[str]()
    redis.answer = lambda words: (
        b"*2\r\n$6\r\nLAYOUT\r\n$3\r\n2/3\r\n" if words[0] == b"EVALSHA" else plain(words)
    )
    partition = Partition(redis.clock, Connection(redis.clock, redis), Keys(0, 2))
    partition.on_unfit = unfit.append
    partition.start()
    redis.turn(1)
    assert [why.partition(":")[0] for why in unfit] == ["the data set was made for --partitions 3, not 2"]
    assert not partition.is_up


# -- the script, on a real server --


def open_it(redis: RedisProcess, new: str, server: str, seen: int, known: str) -> tuple[str, int]:
    words = (new, server, seen, known, 1)
    epoch, seq = redis.client.eval(script("open").text, 2, *Keys().declared, *words)
    return epoch.decode(), seq


def aged(redis: RedisProcess) -> None:
    """As if the epoch had been made long ago."""
    redis.client.set("{r0}:renewed", 1)


def test_a_data_set_keeps_its_name_as_long_as_its_server_runs(redis: RedisProcess) -> None:
    assert open_it(redis, "a", "run1", -1, "") == ("a", 0)
    assert open_it(redis, "b", "run1", 0, "a") == ("a", 0)
    assert open_it(redis, "b", "run2", 0, "a") == ("b", 0)
    assert open_it(redis, "c", "run1", 0, "b") == ("c", 0)


def test_one_that_is_behind_gets_another_name(redis: RedisProcess) -> None:
    open_it(redis, "a", "run1", -1, "")
    redis.client.set("{r0}:seq", 5)
    aged(redis)
    assert open_it(redis, "b", "run1", 5, "a") == ("a", 5)
    assert open_it(redis, "b", "run1", 6, "a") == ("b", 5)
    assert open_it(redis, "c", "run1", 6, "a") == ("b", 5)  # as all others notice it, too


def test_without_the_servers_name_those_who_come_together_make_one_epoch(redis: RedisProcess) -> None:
    assert open_it(redis, "a", "", -1, "") == ("a", 0)
    aged(redis)
    assert open_it(redis, "b", "", -1, "") == ("a", 0)  # a process that has just been started
    assert open_it(redis, "b", "", 0, "a") == ("b", 0)
    assert open_it(redis, "c", "", 0, "a") == ("b", 0)
    aged(redis)
    assert open_it(redis, "c", "", 0, "a") == ("b", 0)  # one that comes late sees that another was made
    assert open_it(redis, "c", "", 0, "b") == ("c", 0)


def test_a_replica_that_keeps_its_role_to_itself_is_left_unopened() -> None:
    scene = Scene()
    scene.info = b"redis_version:7.0.15\r\nrole:slave\r\nrun_id:abc\r\n"
    assert isinstance(scene.ask(2), StoreAway)
    assert scene.scripts() == 0
    assert scene.redis.connects > 2
    scene.info = b"redis_version:7.0.15\r\nrole:master\r\nrun_id:abc\r\n"
    scene.redis.turn(1)
    assert scene.ask() is not None
