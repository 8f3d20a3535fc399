"""A link to the master of real Sentinels."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.threads import deferToThread

from relay.redis.address import Address
from relay.redis.connection import Connection, LinkLost
from relay.redis.topology import topology_of
from tests.topologies.sentinels import Sentinels

pytestmark = pytest.mark.processes


@ensureDeferred
async def test_a_link_leaves_a_master_that_makes_way_and_writes_to_the_next_one(
    sentinels: Sentinels,
) -> None:
    from twisted.internet import reactor

    topology = topology_of(reactor, Address.parse(sentinels.url()))
    link = Connection(reactor, topology.server_of("{r0}:epoch"))
    topology.start()
    link.start()
    assert await link.command("SET", "a", "1") == b"OK"
    new = await deferToThread(sentinels.failover)
    deadline = time.monotonic() + 10
    while new.ask("GET", "b") != b"2":  # the old one takes writes for a moment, which are lost
        assert time.monotonic() < deadline, "the link stays with the old master"
        with suppress(LinkLost):  # it leaves just then
            assert await link.command("SET", "b", "2") == b"OK"
    await link.stop()
    await topology.stop()
