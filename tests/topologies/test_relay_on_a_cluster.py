"""Whole relays on real Clusters whose slots change their owners, and what that is for the clients that are held."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from redis.exceptions import RedisError
from twisted.internet.defer import Deferred

from relay.doctor.cluster_checks import check_cluster
from relay.doctor.cluster_state import look_at_cluster
from relay.doctor.diagnosis import Severity
from relay.redis.address import Address
from relay.redis.blocking import connect
from relay.redis.connection import Connection, LinkLost
from relay.redis.topology import topology_of
from relay.store import demands
from relay.store.keys import Keys
from tests.processes import RelayProcess, eventually
from tests.topologies.cluster import Cluster
from tests.topologies.held import Became, Held

pytestmark = pytest.mark.long
KEY = "{r0}:epoch"
DOWN_AFTER = 2.0
CLIENTS, LONGEST = 100, 7.0  # held clients, and seconds of the longest of their jobs

Change = Callable[[Cluster], object]


def killed(cluster: Cluster) -> None:
    cluster.owner(KEY).kill()


def hung(cluster: Cluster) -> None:
    cluster.owner(KEY).hang()


def failed_over(cluster: Cluster) -> None:
    cluster.failover(KEY)


def moved(cluster: Cluster) -> None:
    move = cluster.move(KEY)
    move.begin()
    move.finish(pause=0.05)


def moved_in_two_halves(cluster: Cluster) -> None:
    move = cluster.move(KEY)
    move.half()
    threading.Event().wait(4)
    move.finish()


def moved_at_once(cluster: Cluster) -> None:
    cluster.move_at_once(KEY)


#: how long new requests may be refused; a move that takes its time is away for as long
CHANGES: list[tuple[Change, str, float]] = [
    (killed, "redis", DOWN_AFTER + 2),
    (killed, "valkey", DOWN_AFTER + 2),
    (hung, "redis", DOWN_AFTER + 3),
    (hung, "valkey", DOWN_AFTER + 3),
    (failed_over, "redis", 0.5),
    (failed_over, "valkey", 0.5),
    (moved, "redis", 9),
    (moved_in_two_halves, "redis", 6),
    (moved_in_two_halves, "valkey", 6),
    (moved_at_once, "valkey", 0.5),
]


def new_relay(directory: Path, url: str, *options: str) -> RelayProcess:
    directory.mkdir()
    given = (
        "--redis",
        url,
        "--jobs",
        "tests.faults.jobs",
        "--concurrency",
        "200",
        "--grace",
        "0.2",
        *options,
    )
    return RelayProcess(directory, "all", *given, environment={"FAULTS_DIRECTORY": str(directory)})


@pytest.mark.parametrize(
    ("change", "server", "longest"), CHANGES, ids=lambda each: getattr(each, "__name__", each)
)
def test_held_clients_are_answered_and_nothing_runs_twice(
    change: Change,
    server: str,
    longest: float,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    cluster = Cluster(tmp_path / "cluster", server, down_after=DOWN_AFTER)
    relay = new_relay(tmp_path / "relay", cluster.url())
    try:
        cluster.start()
        relay.start()
        relay.call("POST", "/jobs/work", {"seconds": 0, "number": 0})
        became: Became = Held(relay, tmp_path / "relay", CLIENTS, LONGEST).through(lambda: change(cluster))
        record_property("became", str(became))
        assert became.answers == Counter({"succeeded": CLIENTS})
        assert became.twice == 0
        assert became.away <= longest
        assert relay.tracebacks() == 0
    finally:
        relay.stop()
        cluster.stop()


def test_other_partitions_take_new_requests_while_the_owner_of_one_is_replaced(
    tmp_path: Path, relay: list[RelayProcess], record_property: Callable[[str, object], None]
) -> None:
    cluster = Cluster(
        tmp_path / "cluster", "redis", "--cluster-require-full-coverage", "no", down_after=DOWN_AFTER
    )
    relay.append(new_relay(tmp_path / "relay", cluster.url(), "--partitions", "3"))
    try:
        cluster.start()
        relay[0].start()
        relay[0].call("POST", "/jobs/work", {"seconds": 0, "number": 0})
        became = Held(relay[0], tmp_path / "relay", CLIENTS, LONGEST).through(lambda: killed(cluster))
        record_property("became", str(became))
        assert became.answers == Counter({"succeeded": CLIENTS})
        assert became.twice == 0
        assert became.away <= 0.5
    finally:
        cluster.stop()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[list[RelayProcess]]:
    """Those that were started, to be stopped."""
    started: list[RelayProcess] = []
    yield started
    for each in started:
        each.stop()


def test_the_smallest_rights_are_enough(cluster: Cluster, tmp_path: Path, relay: list[RelayProcess]) -> None:
    words = demands.acl(more=demands.CLUSTER).replace(">secret", ">pw").split()
    for node in cluster.nodes:
        node.ask(*words)
    relay.append(new_relay(tmp_path / "relay", cluster.url("relay:pw@")))
    relay[0].start()
    assert relay[0].call("POST", "/jobs/work", {"seconds": 0, "number": 0}).json()["state"] == "succeeded"
    cluster.failover(KEY)
    assert relay[0].call("POST", "/jobs/work", {"seconds": 0, "number": 1}).json()["state"] == "succeeded"
    refused = [node.ask("ACL", "LOG") for node in cluster.nodes]
    assert not any(refused), refused


def test_the_doctor_sees_a_slot_that_is_half_moved_and_a_node_that_is_gone(cluster: Cluster) -> None:
    address, keys = Address.parse(cluster.url()), Keys()
    for n in range(4):
        cluster.owner(KEY).client.set(f"{keys.tag}{n}", "")
    assert {each.severity for each in check_cluster(look_at_cluster(address, [keys]))} == {
        Severity.OK,
        Severity.NOTE,
    }
    move = cluster.move(KEY)
    move.half()
    (place,) = look_at_cluster(address, [keys]).places
    assert place.node == move.source.address
    assert place.half.startswith(("ASK", "TRYAGAIN"))
    move.finish()
    assert look_at_cluster(address, [keys]).places[0].node == move.target.address
    gone = cluster.replica_of(move.target)
    gone.kill()
    eventually(
        lambda: look_at_cluster(address, [keys]).lone == (move.target.address,), "the replica is missed"
    )
    assert list(look_at_cluster(address, [keys]).silent) == [gone.address]


@ensureDeferred
async def test_a_link_and_a_blocking_client_follow_the_owner(cluster: Cluster) -> None:
    from twisted.internet import reactor

    address = Address.parse(cluster.url())
    blocking = connect(address, 1.0, KEY)
    topology = topology_of(reactor, address)
    topology.start()
    link = Connection(reactor, topology.server_of(KEY))
    link.start()
    assert await link.command("SET", KEY, "one") == b"OK"
    assert blocking.get(KEY) == b"one"
    old = cluster.owner(KEY)
    assert cluster.failover(KEY) is not old
    up: Deferred[None] = Deferred()
    link.on_up = lambda: up.callback(None) if not up.called else None
    with pytest.raises(LinkLost):
        await link.command("GET", KEY)
    with pytest.raises(RedisError):
        blocking.get(KEY)
    await up
    assert await link.command("SET", KEY, "two") == b"OK"
    assert eventually(lambda: blocking.get(KEY) == b"two", "the blocking client finds the owner")
    blocking.close()
    await link.stop()
    await topology.stop()
