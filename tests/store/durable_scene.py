"""Stores on servers of a test's own that keep what is durable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.topology import OneServer
from relay.store.durability import Durability
from relay.store.keys import Keys
from relay.store.partition import Partition
from relay.store.terms import StoreSettings
from tests.processes import eventually
from tests.store.conftest import Store
from tests.topologies.node import Node

TERMS = StoreSettings(60, 10, 1000)
PATIENT = 20  # seconds for a proof that comes, on a machine however busy
HASTY = 0.3  # for one that does not come


class Pair:
    """A master and its replica."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.master = Node("redis", directory / "master", *options)
        follow = "--replicaof", f"{self.master.host.address} {self.master.port}"
        self.replica = Node("redis", directory / "replica", *options, *follow)

    def start(self) -> None:
        self.master.start()
        self.replica.start()
        eventually(lambda: self.replica.follows, "the replica follows")

    def promote(self) -> None:
        """The master is gone, and the replica is a master from now on."""
        if self.master.alive:
            self.master.kill()
        self.replica.go_on()
        self.replica.ask("REPLICAOF", "NO", "ONE")

    def stop(self) -> None:
        """A master that is asked to end waits for its replica first."""
        for node in (self.replica, self.master):
            if node.alive:
                node.kill()
            node.stop()


def durable_store(url: str, name: str, seconds: float = PATIENT) -> Store:
    """The verbs of a process, at a server."""
    from twisted.internet import reactor

    server = OneServer(reactor, Address.parse(url))
    link = Connection(reactor, server)
    durability = Durability(
        reactor, Keys(), lambda: Connection(reactor, server, link.health), seconds=seconds
    )
    return Store(Partition(reactor, link, durability=durability), name, TERMS)


@asynccontextmanager
async def stores_at(url: str, *names: str, seconds: float = PATIENT) -> AsyncIterator[list[Store]]:
    """Stores that were started, and are stopped afterwards."""
    made = [durable_store(url, name, seconds) for name in names]
    for store in made:
        store.start()
    try:
        yield made
    finally:
        for store in made:
            await store.partition.stop()
