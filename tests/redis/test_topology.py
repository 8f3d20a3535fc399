"""A server at a fixed address."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from relay.redis import topology
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.topology import OneServer, topology_of
from tests.redis.memory import MemoryRedis, Words, bulk, plain


class Scene:
    """A link to a server by its name, whose names are forgotten into a list."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.redis = MemoryRedis(Clock())
        self.forgotten: list[str] = []
        monkeypatch.setattr(Address, "endpoint", lambda *_: self.redis)
        monkeypatch.setattr(topology, "forget", lambda _, name: self.forgotten.append(name))
        address = Address.parse("redis://managed.test/3")
        self.link = Connection(self.redis.clock, OneServer(self.redis.clock, address))

    def begin(self) -> None:
        self.link.start()
        self.redis.turn(0.3)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def as_replica(words: Words) -> bytes | None:
    if words == [b"ROLE"]:
        return b"*5\r\n" + bulk(b"slave") + bulk(b"m") + b":9\r\n" + bulk(b"connected") + b":7\r\n"
    return plain(words)


def test_a_name_that_leads_to_a_replica_is_looked_up_again_until_it_leads_to_the_master(scene: Scene) -> None:
    scene.redis.answer = as_replica
    scene.begin()
    assert not scene.link.up
    assert set(scene.forgotten) == {"managed.test"}
    assert b"INCR" not in scene.redis.verbs()
    scene.redis.answer = plain
    scene.redis.turn(0.5)
    assert scene.link.up


def test_a_name_whose_server_is_gone_is_looked_up_again(scene: Scene) -> None:
    scene.redis.refuses = True
    scene.begin()
    assert scene.forgotten[0] == "managed.test"


def test_a_name_that_leads_to_the_master_is_kept(scene: Scene) -> None:
    scene.begin()
    assert scene.link.up
    assert scene.forgotten == []
    assert scene.redis.asked[:2] == [[b"SELECT", b"3"], [b"ROLE"]]


def test_a_master_that_becomes_a_replica_is_left_with_its_first_refusal(scene: Scene) -> None:
    scene.begin()
    said: list[Any] = []
    scene.redis.answer = lambda words: b"-READONLY no\r\n" if words == [b"INCR"] else as_replica(words)
    scene.link.command("INCR").addErrback(lambda failure: said.append(failure.type.__name__))
    scene.redis.turn(0.3)
    assert said == ["Elsewhere"]
    assert set(scene.forgotten) == {"managed.test"}
    assert not scene.link.up


@pytest.mark.parametrize("url", ["redis://h", "rediss://h", "redis+sentinel://h/m", "redis+cluster://h"])
def test_each_kind_of_address_has_its_topology(url: str) -> None:
    from twisted.internet import reactor

    address = Address.parse(url)
    assert topology_of(reactor, address).shown == address.shown
