"""Three masters of a Redis Cluster with a replica each."""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import valkey

from tests.processes import LOOPBACK, Host, eventually, free_port
from tests.topologies.move import Move
from tests.topologies.node import Node

MASTERS = 3
SLOTS = 16384
_PATIENCE = 60.0  # seconds for nodes to agree


def slot_of(key: str) -> int:
    """The slot of a key: that of its hash tag, if it has one."""
    tag = key.partition("{")[2].partition("}")
    return binascii.crc_hqx((tag[0] if tag[0] and tag[1] else key).encode(), 0) % SLOTS


class Seen(NamedTuple):
    """A node as another one sees it."""

    id: str
    address: str
    flags: frozenset[str]
    master: str  # the id of the one it follows, or -
    slots: list[range]


def _seen(line: str) -> Seen:
    id, address, flags, master, _, _, _, _, *slots = line.split()
    spans = [word.split("-") for word in slots if not word.startswith("[")]
    ranges = [range(int(span[0]), int(span[-1]) + 1) for span in spans]
    return Seen(id, address.partition("@")[0], frozenset(flags.split(",")), master, ranges)


class Cluster:
    """Six nodes: the masters first, then their replicas; each replica is on the host after its master's."""

    kind = "cluster"

    def __init__(
        self,
        directory: Path,
        server: str = "redis",
        *options: str,
        hosts: Sequence[Host] = (LOOPBACK,) * 3,
        down_after: float = 2.0,
    ) -> None:
        """`server` is a kind of program (`node.program`), `options` are words for all nodes; a node is gone after
        `down_after` seconds of silence."""
        self.down_after = down_after
        self._buses = [free_port() for _ in range(2 * MASTERS)]
        self.nodes = []
        for n, bus in enumerate(self._buses):
            host = hosts[(n + n // MASTERS) % len(hosts)]
            words = self._words(bus, down_after)
            self.nodes.append(Node(server, directory / f"node{n}", *words, *options, host=host))

    def _words(self, bus: int, down_after: float) -> list[str]:
        settings = {
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-port": bus,
            "cluster-node-timeout": round(down_after * 1000),
        }
        return [word for name, value in settings.items() for word in (f"--{name}", str(value))]

    def url(self, user: str = "", more: str = "") -> str:
        """Where relay finds it; `user` as in ``relay:secret@``, `more` follows the hosts."""
        return f"redis+cluster://{user}{','.join(node.address for node in self.nodes)}{more}"

    def start(self) -> None:
        for node in self.nodes:
            node.start(wait=False)
        for node in self.nodes:
            eventually(node.answers, f"{node} answers")
        self._assign()
        self._introduce()
        for n in range(MASTERS, 2 * MASTERS):
            self._follow(self.nodes[n], self.nodes[n - MASTERS])
        self.wait_until_whole()

    def _assign(self) -> None:
        for n, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        for n, node in enumerate(self.nodes[:MASTERS]):
            share = n * SLOTS // MASTERS, (n + 1) * SLOTS // MASTERS - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", *share)

    def _introduce(self) -> None:
        """Everybody to everybody: gossip alone takes seconds."""
        for node in self.nodes:
            for other, bus in zip(self.nodes, self._buses, strict=True):
                node.ask("CLUSTER", "MEET", other.host.address, other.port, bus)
        eventually(
            lambda: all(self._knows_all(node) for node in self.nodes), "all know each other", _PATIENCE
        )

    def _knows_all(self, node: Node) -> bool:
        seen = list(self._view(node))
        return len(seen) == len(self.nodes) and not any("handshake" in each.flags for each in seen)

    def _follow(self, replica: Node, master: Node) -> None:
        id = master.ask("CLUSTER", "MYID")

        def accepted() -> bool:
            try:
                return replica.ask("CLUSTER", "REPLICATE", id) is not None
            except valkey.exceptions.ResponseError:  # it does not know that this is a master
                return False

        eventually(accepted, f"{replica} follows {master}", _PATIENCE)

    def _view(self, node: Node) -> Iterator[Seen]:
        """The nodes as one of them sees them; none if it does not answer."""
        answer = node.ask("CLUSTER", "NODES")
        text = answer.decode() if isinstance(answer, bytes) else ""
        return (_seen(line) for line in text.splitlines())

    def wait_until_whole(self) -> None:
        """Until every node lives and says that all is well, and each master has its replica."""
        eventually(self._is_whole, "the nodes agree, and each master has its replica", _PATIENCE)

    def _is_whole(self) -> bool:
        return all(self._is_well(node) for node in self.nodes) and len(self.masters()) == MASTERS

    def _is_well(self, node: Node) -> bool:
        state = node.ask("CLUSTER", "INFO") or b""
        seen = list(self._view(node))
        if b"cluster_state:ok" not in state or any({"fail", "fail?"} & each.flags for each in seen):
            return False
        info = node.info("replication")
        if info.get("role") == "master":
            return int(info["connected_slaves"]) > 0
        return info.get("master_link_status") == "up"

    def _views(self) -> list[list[Seen]]:
        return [view for node in self.nodes if node.alive and (view := list(self._view(node)))]

    def masters(self) -> list[Node]:
        """The nodes that have slots, as most see it."""
        views = self._views()
        votes = Counter(seen.address for view in views for seen in view if seen.slots)
        return [node for node in self.nodes if votes[node.address] * 2 > len(views)]

    def owner(self, key: str) -> Node:
        """The master of a key."""
        return self.owner_of_slot(slot_of(key))

    def owner_of_slot(self, slot: int) -> Node:
        """What most nodes that answer say: one that is cut off may still believe that it is itself."""
        seen = (seen for view in self._views() for seen in view)
        votes = Counter(each.address for each in seen if any(slot in span for span in each.slots))
        address = votes.most_common(1)[0][0] if votes else ""
        return self._at(address)

    def _at(self, address: str) -> Node:
        return next(node for node in self.nodes if node.address == address)

    def replica_of(self, master: Node) -> Node:
        """The one that follows a master."""

        def found() -> Node | None:
            views = self._views()
            ids = {seen.id for view in views for seen in view if seen.address == master.address}
            following = {seen.address for view in views for seen in view if seen.master in ids}
            return next((n for n in self.nodes if n.address in following and n.alive and n.follows), None)

        node: Node = eventually(found, f"{master} has a replica", _PATIENCE)
        return node

    def replicas_of(self, master: Node) -> list[Node]:
        return [self.replica_of(master)]

    def another_master(self, than: Node) -> Node:
        return next(node for node in self.masters() if node is not than)

    def failover(self, key: str) -> Node:
        """Planned, as an operator does it: the replica of a key's master takes over. The new master."""
        new = self.replica_of(self.owner(key))
        new.ask("CLUSTER", "FAILOVER")
        self.wait_for_owner(key, new)
        return new

    def hand_over(self, node: Node) -> None:
        """Have a master be none: its replica takes over."""
        self.replica_of(node).ask("CLUSTER", "FAILOVER")
        eventually(lambda: node.follows, f"{node} follows its replica", _PATIENCE)
        self.wait_until_whole()

    def kill(self, key: str) -> Node:
        """Kill the master of a key; its replica has taken over when it returns. The one that was killed."""
        old = self.owner(key)
        old.kill()
        self.wait_for_another(old, key)
        return old

    def wait_for_another(self, old: Node, key: str) -> Node:
        """Until most nodes say that another one is the key's master, and it says so itself."""

        def promoted() -> Node | None:
            new = self.owner(key)
            return new if new is not old and new.is_master else None

        found: Node = eventually(promoted, f"another master than {old} for {key}", _PATIENCE)
        return found

    def wait_for_owner(self, key: str, node: Node) -> None:
        """Until most nodes say that it is the key's master, and it says so itself."""
        eventually(lambda: self.owner(key) is node and node.is_master, f"{node} has {key}", _PATIENCE)

    def move(self, key: str, to: Node | None = None) -> Move:
        """A move of a key's slot, which has not begun; to any other master if it is not said to which."""
        source = self.owner(key)
        return Move(slot_of(key), source, to or self.another_master(source), self.masters())

    def move_at_once(self, key: str, to: Node | None = None) -> Node:
        """The atomic move of Valkey 9; the new owner."""
        source, slot = self.owner(key), slot_of(key)
        target = to or self.another_master(source)
        source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.ask("CLUSTER", "MYID"))
        self.wait_for_owner(key, target)
        return target

    def stop(self) -> None:
        for node in self.nodes:
            if node.process is not None:
                node.stop()
