"""The topologies do what their verbs say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import Host
from tests.topologies.cluster import Cluster, slot_of
from tests.topologies.network import Network, can_have_hosts
from tests.topologies.node import Node
from tests.topologies.sentinels import Sentinels

KEY = "{r0}:epoch"


def test_the_slot_of_a_key_is_that_of_its_hash_tag() -> None:
    assert slot_of("foo") == 12182  # as Redis' own documents have it
    assert slot_of("{foo}:bar") == slot_of("foo") == slot_of("x{foo}{bar}")
    assert slot_of("{}foo") != slot_of("{}bar")


@pytest.mark.long
def test_sentinels_replace_a_master_that_is_killed_or_told_to_go(sentinels: Sentinels) -> None:
    first = sentinels.kill()
    second = sentinels.master()
    assert second is not first
    assert not first.alive
    first.revive()
    sentinels.wait_until_whole()
    assert sentinels.failover() is not second


@pytest.mark.long
def test_sentinels_replace_a_master_that_hangs_and_it_follows_once_it_goes_on(sentinels: Sentinels) -> None:
    old = sentinels.master()
    old.hang()
    new = sentinels.wait_for_another(old)
    old.go_on()
    sentinels.wait_until_whole()
    assert sentinels.master() is new
    assert old.follows


@pytest.mark.long
def test_a_cluster_replaces_owners_and_moves_slots(cluster: Cluster) -> None:
    first = cluster.owner(KEY)
    first.client.set(KEY, "kept")
    second = cluster.failover(KEY)
    assert second is not first
    assert second.client.get(KEY) == b"kept"
    cluster.wait_until_whole()
    assert cluster.kill(KEY) is second
    assert cluster.owner(KEY) is first
    second.revive()
    cluster.wait_until_whole()
    for n in range(4):
        first.client.set("{r0}:" + str(n), "")
    move = cluster.move(KEY)
    move.half()
    assert move.left == 3
    assert move.target.ask("CLUSTER", "COUNTKEYSINSLOT", slot_of(KEY)) == 2
    assert cluster.owner(KEY) is first
    move.finish()
    cluster.wait_for_owner(KEY, move.target)
    assert move.target.client.get(KEY) == b"kept"


@pytest.mark.long
def test_a_slot_moves_at_once_with_valkey(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, "valkey")
    try:
        cluster.start()
        first = cluster.owner(KEY)
        first.client.set(KEY, "kept")
        assert cluster.move_at_once(KEY).client.get(KEY) == b"kept"
        assert cluster.owner(KEY) is not first
    finally:
        cluster.stop()


@pytest.mark.processes
def test_hosts_that_are_cut_off_do_not_hear_each_other_and_are_heard_here(tmp_path: Path) -> None:
    if not can_have_hosts():
        pytest.skip("it takes root and Linux to make network namespaces")
    with Network(2) as network:
        one, other = network.hosts
        node = Node("redis", tmp_path, host=one)
        try:
            node.start()
            assert hears(node, other)
            network.cut([one], [other])
            assert not hears(node, other)
            assert node.answers()
            network.join([one], [other])
            assert hears(node, other)
        finally:
            node.stop()


def hears(node: Node, host: Host) -> bool:
    """Whether a connection can be made from a host to a server."""
    code = f"import socket; socket.create_connection(({node.host.address!r}, {node.port}), 0.5)"
    return not subprocess.run(
        host.command([sys.executable, "-S", "-c", code]), capture_output=True
    ).returncode
