"""A topology in the place of the one server that most tests have: ``pytest --store sentinel``."""

from __future__ import annotations

import contextlib
from pathlib import Path

import valkey

from tests.topologies.cluster import Cluster
from tests.topologies.sentinels import Sentinels

KEY = "{r0}:job"  # one of relay's own
STORES = {"sentinel": Sentinels, "cluster": Cluster}


class Stored:
    """What tests ask of `RedisProcess`, but its socket and its process: they have to do with one server."""

    def __init__(self, kind: str, directory: Path, server: str = "redis") -> None:
        self._topology = STORES[kind](directory, server, "--repl-timeout", "60")
        self.url = self._topology.url()

    def start(self) -> None:
        self._topology.start()
        self.client = self._topology.owner(KEY).client

    def client_of(self, key: str) -> valkey.Valkey:
        """Of the server that has this key."""
        return self._topology.owner(key).client

    def empty(self) -> None:
        """Forget all."""
        for node in self._topology.nodes:
            with contextlib.suppress(valkey.exceptions.ReadOnlyError):  # of a replica
                node.client.flushall()

    def stop(self) -> None:
        self._topology.stop()
