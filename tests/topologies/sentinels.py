"""A master with two replicas, and three Sentinels that watch it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import valkey

from tests.processes import LOOPBACK, Host, eventually
from tests.topologies.node import Node

NAME = "bar"  # of the master
QUORUM = 2
_PROMOTED = (
    60.0  # seconds for a failover of any kind: an election that nobody won is repeated after twice 3 s
)


class Sentinel(Node):
    """A server that watches others, and keeps what it knows in its configuration."""

    def __init__(
        self, server: str, directory: Path, master: Node, settings: Sequence[str], host: Host = LOOPBACK
    ) -> None:
        """`settings` are lines of its configuration beside those of where it is and whom it watches."""
        self._master, self._settings = master, settings
        super().__init__(server, directory, host=host)

    def _words(self, directory: Path) -> list[str]:
        master = f"{self._master.host.address} {self._master.port}"
        lines = [
            f"port {self.port}",
            f"bind {self.host.address}",
            "protected-mode no",
            f"dir {directory}",
            f"sentinel monitor {NAME} {master} {QUORUM}",
            *self._settings,
        ]
        file = directory / "sentinel.conf"
        file.write_text("\n".join([*lines, ""]))
        return [str(file), "--sentinel"]

    def said(self) -> tuple[str, int] | None:
        """Where it says that the master is."""
        answer = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return (answer[0].decode(), int(answer[1])) if answer else None

    def knows_all(self) -> bool:
        """Whether it knows both replicas and both other Sentinels, and that all are well. One that stood still for 2 s
        acts on nothing for 30 s (TILT), and finds no replica good enough when its master died meanwhile."""
        try:
            if int(self.client.info("sentinel")["sentinel_tilt"]):
                return False
            found: dict[str, Any] = self.client.sentinel_master(NAME)
        except (valkey.exceptions.ConnectionError, valkey.exceptions.TimeoutError):
            return False
        others = int(found["num-other-sentinels"]), int(found["num-slaves"])
        return others == (2, 2) and str(found["flags"]) in ("master", "{'master'}")


class Sentinels:
    """Three data servers and three Sentinels; the first, second and third of each are on the same host."""

    kind = "sentinel"

    def __init__(
        self,
        directory: Path,
        server: str = "redis",
        *options: str,
        hosts: Sequence[Host] = (LOOPBACK,) * 3,
        down_after: float = 1.0,
        settings: Sequence[str] = (),
    ) -> None:
        """`server` is a kind of program (`node.program`), `options` are words for the data servers, and `settings`
        lines for the Sentinels; a master is gone after `down_after` seconds of silence."""
        self.down_after = down_after
        master = Node(server, directory / "data0", *options, host=hosts[0])
        follow = "--replicaof", f"{master.host.address} {master.port}"
        self.nodes = [master]
        for n, host in enumerate(hosts[1:], 1):
            self.nodes.append(Node(server, directory / f"data{n}", *options, *follow, host=host))
        given = [
            f"sentinel down-after-milliseconds {NAME} {round(down_after * 1000)}",
            f"sentinel failover-timeout {NAME} 3000",
            f"sentinel parallel-syncs {NAME} 2",
            *settings,
        ]
        self.sentinels = [
            Sentinel(server, directory / f"sentinel{n}", master, given, host) for n, host in enumerate(hosts)
        ]

    def url(self, user: str = "", more: str = "") -> str:
        """Where relay finds it; `user` as in ``relay:secret@``, `more` follows the master's name."""
        hosts = ",".join(sentinel.address for sentinel in self.sentinels)
        return f"redis+sentinel://{user}{hosts}/{NAME}{more}"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        eventually(lambda: all(node.follows for node in self.nodes[1:]), "both replicas have the data")
        for sentinel in self.sentinels:
            sentinel.start()
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Until every server lives, both replicas follow the master, and all Sentinels know it."""
        eventually(self._is_whole, "master, replicas and Sentinels agree", _PROMOTED)

    def _is_whole(self) -> bool:
        master = self._agreed()
        if master is None or not all(sentinel.knows_all() for sentinel in self.sentinels):
            return False
        return master.is_master and all(node.follows for node in self.nodes if node is not master)

    def _agreed(self) -> Node | None:
        """The master, if all Sentinels that answer name the same one."""
        said = {where for sentinel in self.sentinels if (where := sentinel.said())}
        found = [node for node in self.nodes if {(node.host.address, node.port)} == said]
        return found[0] if found else None

    def master(self) -> Node:
        """What most Sentinels say it is."""
        said = [where for sentinel in self.sentinels if (where := sentinel.said())]
        return max(self.nodes, key=lambda node: said.count((node.host.address, node.port)))

    def owner(self, key: str = "") -> Node:
        """The server that has a key, whichever: there is one master."""
        return self.master()

    def replicas_of(self, master: Node) -> list[Node]:
        return [node for node in self.nodes if node is not master]

    def replicas(self) -> list[Node]:
        return self.replicas_of(self.master())

    def failover(self, key: str = "") -> Node:
        """As an operator does it; the new master."""
        old = self.master()

        def promoted() -> Node | None:
            if self.sentinels[0].said() == (old.host.address, old.port):
                with contextlib.suppress(
                    valkey.exceptions.ResponseError
                ):  # one is under way, or could not be done
                    self.sentinels[0].ask("SENTINEL", "FAILOVER", NAME)
            return self._another(old)

        new: Node = eventually(promoted, f"another master than {old}", _PROMOTED)
        return new

    def hand_over(self, node: Node) -> None:
        """Have a master be none."""
        if self.master() is node:
            self.failover()
            self.wait_until_whole()

    def kill(self, key: str = "") -> Node:
        """Kill the master; another one is there when it returns. The one that was killed."""
        old = self.master()
        old.kill()
        self.wait_for_another(old)
        return old

    def wait_for_another(self, old: Node, key: str = "") -> Node:
        """Until most Sentinels name another master, and it says so itself: one may be cut off with the old one."""
        found: Node = eventually(lambda: self._another(old), f"another master than {old}", _PROMOTED)
        return found

    def _another(self, old: Node) -> Node | None:
        said = [where for sentinel in self.sentinels if (where := sentinel.said())]
        new = self.master()
        named = said.count((new.host.address, new.port)) >= QUORUM
        return new if named and new is not old and new.is_master else None

    def stop(self) -> None:
        for node in (*self.sentinels, *self.nodes):
            if node.process is not None:
                node.stop()
