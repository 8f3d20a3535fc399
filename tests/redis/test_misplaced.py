"""Addresses that lead to servers of another kind than they say: processes do not start with them, and say why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.commands.at_store import opened_store
from relay.commands.ending import Unreached
from relay.doctor.cluster_checks import one_node
from relay.doctor.cluster_state import look_at_cluster
from relay.doctor.redis_state import NoRedis, look_at_redis
from relay.doctor.sentinel_checks import check_sentinels
from relay.doctor.sentinel_state import look_at_sentinels
from relay.model.settings import Settings
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.mistakes import mistake
from relay.redis.slots import SLOTS, slot_of
from relay.redis.topology import OneServer
from relay.store.keys import Keys
from relay.store.partition import Partition, why_away
from tests.processes import RelayProcess, eventually
from tests.redis.memory import MemoryRedis, Words, plain
from tests.topologies.node import Node
from tests.topologies.sentinels import NAME, Sentinel

MOVED = b"-MOVED 6248 10.0.0.2:6379\r\n"
HALF = SLOTS // 2


class Servers:
    """A server, a Sentinel that watches it, and two nodes of a Cluster, of which the second has the slot of a store
    without a name."""

    def __init__(self, directory: Path) -> None:
        self.server = Node("redis", directory / "server")
        cluster = "--cluster-enabled", "yes"
        self.without, self.owner = (Node("redis", directory / f"node{n}", *cluster) for n in range(2))
        self._directory = directory

    def start(self) -> None:
        for node in (self.server, self.without, self.owner):
            node.start()
        self.sentinel = Sentinel("redis", self._directory / "sentinel", self.server, ())
        self.sentinel.start()
        self.owner.ask("CLUSTER", "ADDSLOTSRANGE", 0, HALF - 1)
        self.without.ask("CLUSTER", "ADDSLOTSRANGE", HALF, SLOTS - 1)
        self.owner.ask("CLUSTER", "MEET", "127.0.0.1", self.without.port)
        eventually(lambda: b"cluster_state:ok" in self.without.ask("CLUSTER", "INFO"), "they agree", 30)

    def stop(self) -> None:
        for node in (self.server, self.without, self.owner, self.sentinel):
            node.stop()

    def url(self, pattern: str) -> str:
        """A URL with the address of a server in place of its name."""
        at = {name: vars(self)[name].address for name in ("server", "without", "owner", "sentinel")}
        return pattern.format(**at, name=NAME)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    found = Servers(tmp_path_factory.mktemp("servers"))
    try:
        found.start()
        yield found
    finally:
        found.stop()


#: a URL, and what is said of it
MISTAKES = {
    "redis://{without}": "it is a node of a Cluster: write redis+cluster://{without}",
    "redis://{without}/1": "it is a node of a Cluster: write redis+cluster://{without}",
    "redis://{sentinel}": "it is a Sentinel: write redis+sentinel://host:port,host:port/name",
    "redis://{sentinel}/1": "it is a Sentinel: write redis+sentinel://host:port,host:port/name",
    "redis+sentinel://{server}/{name}": "it is not a Sentinel: write redis://host:port for a server",
    "redis+sentinel://{without}/{name}": "it is not a Sentinel: write redis://host:port for a server",
    "redis+cluster://{server}": "it is not a node of a Cluster: write redis://host:port for a server",
    "redis+cluster://{sentinel}": "it is not a node of a Cluster: write redis://host:port for a server",
}


@pytest.mark.processes
@pytest.mark.parametrize("pattern", MISTAKES)
@ensureDeferred
async def test_commands_say_which_kind_of_address_is_meant(pattern: str, servers: Servers) -> None:
    from twisted.internet import reactor

    with pytest.raises(Unreached) as error:
        async with opened_store(reactor, Address.parse(servers.url(pattern)), Settings()) as store:
            await store.totals()
    assert servers.url(MISTAKES[pattern]) in str(error.value)


@pytest.mark.processes
@pytest.mark.parametrize("pattern", ["redis://{without}", "redis+sentinel://{server}/{name}"])
def test_a_process_ends_and_says_which_kind_of_address_is_meant(
    pattern: str, servers: Servers, tmp_path: Path
) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", servers.url(pattern))
    front.start()
    front.wait_for(r"--redis: .* refuses: .*: write redis")
    eventually(lambda: front.process is not None and front.process.poll() == 1, "it ends")


@pytest.mark.processes
@pytest.mark.parametrize("pattern", [pattern for pattern in MISTAKES if pattern != "redis://{without}"])
def test_the_doctor_says_which_kind_of_address_is_meant(pattern: str, servers: Servers) -> None:
    address = Address.parse(servers.url(pattern))
    if address.kind == "sentinel":
        assert (
            servers.url(MISTAKES[pattern]) in check_sentinels(look_at_sentinels(address), address.name)[0].saw
        )
    if address.kind == "cluster":
        with pytest.raises(NoRedis, match=MISTAKES[pattern]):
            look_at_cluster(address, [Keys()])
    with pytest.raises(NoRedis, match=re.escape(servers.url(MISTAKES[pattern]))):
        look_at_redis(address)


@pytest.mark.processes
def test_the_doctor_says_of_a_node_that_it_is_one(servers: Servers) -> None:
    for name in ("without", "owner"):
        address = Address.parse(servers.url(f"redis://{{{name}}}"))
        (told,) = one_node(look_at_redis(address), address)
        assert "is a node of a Cluster" in told.saw


@pytest.mark.processes
@ensureDeferred
async def test_a_node_with_all_that_relay_has_may_be_named_alone(servers: Servers) -> None:
    from twisted.internet import reactor

    server = OneServer(reactor, Address.parse(servers.url("redis://{owner}")))
    partition = Partition(reactor, Connection(reactor, server))
    partition.start()
    await partition.check_writable()
    await partition.stop()


@pytest.mark.processes
def test_the_doctor_asks_the_node_that_has_the_keys_of_a_store_with_a_name(servers: Servers) -> None:
    name = next(name for name in "abcdefghij" if slot_of(Keys(name=name).tag) >= HALF)
    state = look_at_redis(Address.parse(servers.url("redis+cluster://{owner}")), [Keys(name=name)])
    assert {"GET", "EXISTS"}.isdisjoint(state.hidden)


def test_a_slot_that_goes_later_is_waited_for_and_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redis, ended, away = MemoryRedis(Clock()), list[str](), list[Any]()
    monkeypatch.setattr(Address, "endpoint", lambda *_: redis)
    server = OneServer(redis.clock, Address.parse("redis://10.0.0.1"))
    partition = Partition(redis.clock, Connection(redis.clock, server))
    partition.on_unfit = ended.append
    partition.start()
    redis.turn(1)

    def moved(words: Words) -> bytes | None:
        return MOVED if words[0] == b"EVALSHA" else plain(words)

    redis.answer = moved
    Deferred.fromCoroutine(partition.verb("look", "me", "id")).addBoth(away.append)
    redis.turn(2)
    assert ended == []
    assert why_away(away[0].value) == (
        "Redis refuses: MOVED 6248 10.0.0.2:6379: it is a node of a Cluster: write redis+cluster://10.0.0.1:6379"
    )
    redis.answer = plain
    redis.turn(3)
    assert partition.is_up


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://h", "MOVEDX 1 h:1"),
        ("redis://h", "READONLY You can't write against a read only replica."),
        ("redis://h", "ERR unknown command 'ROLE'"),
        ("redis+sentinel://h/m", "ERR unknown command 'INFO'"),
        ("redis+sentinel://h/m", "NOPERM this user has no permissions"),
        ("redis+cluster://h", "MOVED 1 h:1"),
        ("redis+cluster://h", "CLUSTERDOWN The cluster is down"),
    ],
)
def test_what_a_server_of_the_right_kind_says_is_no_mistake(url: str, said: str) -> None:
    assert mistake(Address.parse(url), said) == ""
