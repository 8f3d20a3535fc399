"""Verbs of each job: functions that Redis keeps, scripts where it keeps none."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.task import Clock

from relay.redis.connection import Connection, Refused
from relay.store.calls import AGAIN, Calls
from relay.store.keys import Keys
from relay.store.libraries import FUNCTIONS, library
from tests.redis.memory import MemoryRedis, Words, plain
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import Session, submit, succeeded

MISSING = b"-ERR Function not found\r\n"
NO_RIGHT = b"-NOPERM this user has no permissions to run the 'fcall' command\r\n"


class Scene:
    """A server that has no functions until they are loaded, and a link to it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.redis = MemoryRedis(self.clock)
        self.refusal = MISSING  # of calls
        self.loads = b"+OK\r\n"  # what is said when a library is loaded
        self.loaded = False
        self.redis.answer = self._answer
        link = Connection(self.clock, self.redis)
        self.calls = Calls(self.clock, link, Keys())
        link.start()
        self.redis.turn()

    def _answer(self, words: Words) -> bytes | None:
        if words[0] == b"FCALL":
            return b":1\r\n" if self.loaded else self.refusal
        if words[0] == b"FUNCTION":
            self.loaded = self.loads.startswith(b"+") and self.refusal is MISSING
            return self.loads
        return b":2\r\n" if words[0] == b"EVALSHA" else plain(words)

    def run(self, times: int = 1, verb: str = "turn") -> tuple[list[Any], list[bytes]]:
        """What so many calls at once are answered, and what Redis was asked."""
        before, said = len(self.redis.asked), list[Any]()
        for _ in range(times):
            self.calls.run(verb, "tag", "epoch").addBoth(said.append)
        self.redis.turn()
        return said, self.redis.verbs()[before:]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_function_that_is_missing_is_loaded_once_for_all_who_call_it(scene: Scene) -> None:
    said, asked = scene.run(3)
    assert sorted(said) == [1, 2, 2]
    assert asked.count(b"FUNCTION") == 1
    assert scene.run(2) == ([1, 1], [b"FCALL", b"FCALL"])


def test_verbs_that_run_seldom_are_scripts(scene: Scene) -> None:
    assert scene.run(verb="sweep") == ([2], [b"EVALSHA"])


def test_one_that_another_version_took_away_is_a_script_for_a_while(scene: Scene) -> None:
    scene.run()
    scene.loaded = False
    assert scene.run() == ([2], [b"FCALL", b"EVALSHA"])
    assert scene.run() == ([2], [b"EVALSHA"])
    scene.clock.advance(AGAIN)
    assert scene.run() == ([1], [b"FCALL", b"FUNCTION", b"FCALL"])


@pytest.mark.parametrize("loads", [b"+OK\r\n", b"-OOM command not allowed\r\n"])
def test_who_may_not_call_functions_sends_scripts(scene: Scene, loads: bytes) -> None:
    scene.refusal, scene.loads = NO_RIGHT, loads
    said, asked = scene.run()
    assert said == [2]
    assert asked[-1] == b"EVALSHA"
    assert scene.run() == ([2], [b"EVALSHA"])


def test_a_new_connection_is_asked_anew(scene: Scene) -> None:
    scene.refusal = NO_RIGHT
    scene.run()
    scene.refusal = MISSING
    scene.calls.forget()
    assert scene.run()[0] == [1]


def test_what_the_function_itself_is_refused_is_raised(scene: Scene) -> None:
    scene.refusal = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    said, asked = scene.run()
    assert said[0].type is Refused
    assert asked == [b"FCALL"]


@pytest.mark.parametrize("kept", [FUNCTIONS, frozenset[str]()], ids=["functions", "scripts"])
@ensureDeferred
async def test_jobs_go_the_same_way_either_way(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, kept: frozenset[str]
) -> None:
    monkeypatch.setattr("relay.store.calls.FUNCTIONS", kept)
    front, worker = make_store("front"), make_store("worker")
    ids = [await submit(front) for _ in range(3)]
    session = await Session(worker).open()
    first = await session.turn(2)
    second = await session.turn(2, *succeeded(first, '"first"'))
    third = await session.turn(2, *succeeded(second, '"second"'))
    assert [[claim.id for claim in turned.claims] for turned in (first, second, third)] == [
        ids[:2],
        ids[2:],
        [],
    ]
    assert [(await front.look("me", id)).payload for id in ids] == ['"first"', '"first"', '"second"']


@ensureDeferred
async def test_redis_keeps_one_function_of_each(front: Store, worker: Store) -> None:
    await submit(front)
    await (await Session(worker).open()).turn()
    listed = str(await worker.partition.command("FUNCTION", "LIST", "LIBRARYNAME", "relay_*"))
    for verb in ("submit", "turn"):
        assert library(verb).function in listed
        assert listed.count(f"relay_{verb}_") == 1


@ensureDeferred
async def test_one_that_somebody_deleted_is_there_again(front: Store) -> None:
    await submit(front)
    await front.partition.command("FUNCTION", "DELETE", "relay_submit")
    assert await submit(front)
    front.partition._calls.forget()
    assert await submit(front)
    assert library("submit").function in str(await front.partition.command("FUNCTION", "LIST"))
