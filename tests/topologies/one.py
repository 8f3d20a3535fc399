"""One server, which others topologies are compared with."""

from __future__ import annotations

from pathlib import Path

from tests.processes import LOOPBACK, Host
from tests.topologies.node import Node


class One:
    """A server that writes each command to its disk."""

    kind = "one"

    def __init__(
        self,
        directory: Path,
        server: str = "redis",
        *options: str,
        hosts: tuple[Host, ...] = (LOOPBACK,),
        down_after: float = 0.0,
    ) -> None:
        """As `Sentinels`. Nothing finds out that it is gone, so `down_after` is of no use."""
        self.down_after = down_after
        self.nodes = [Node(server, directory / "data", "--appendfsync", "always", *options, host=hosts[0])]

    def url(self, user: str = "", more: str = "") -> str:
        return f"redis://{user}{self.nodes[0].address}{more}"

    def start(self) -> None:
        self.nodes[0].start()

    def owner(self, key: str = "") -> Node:
        return self.nodes[0]

    def replicas_of(self, master: Node) -> list[Node]:
        return []

    def wait_until_whole(self) -> None:
        """It is, once it has started."""

    def stop(self) -> None:
        if self.nodes[0].process is not None:
            self.nodes[0].stop()
