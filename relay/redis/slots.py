"""The slots of a Redis Cluster, and which node has which, as nodes tell."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SLOTS = 16_384
_UNKNOWN = (b"", b"?")  # what a node says of a host that it does not know, or is not to tell

Node = tuple[str, int]  # its host and port


def slot_of(key: str) -> int:
    """The slot of a key: that of its hash tag, if it has one."""
    begin = key.find("{")
    end = key.find("}", begin + 1) if begin >= 0 else -1
    tag = key[begin + 1 : end] if end > begin + 1 else key
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


@dataclass(frozen=True, slots=True)
class SlotRange:
    """Slots, from the first to the last, with the node that has them, the name by which nodes know that, and its
    replicas."""

    first: int
    last: int
    owner: Node
    name: bytes = b""
    replicas: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotMap:
    """What one node knew of the Cluster."""

    ranges: tuple[SlotRange, ...]

    def of(self, slot: int) -> SlotRange | None:
        """The slots among which one is; None where no node has it."""
        for each in self.ranges:
            if each.first <= slot <= each.last:
                return each
        return None

    def nodes(self) -> tuple[Node, ...]:
        """All nodes, each once."""
        return tuple(dict.fromkeys(node for each in self.ranges for node in (each.owner, *each.replicas)))

    def uncovered(self) -> int:
        """How many slots no node has."""
        return SLOTS - sum(each.last - each.first + 1 for each in self.ranges)


def read_slots(reply: Any, asked: Node) -> SlotMap:
    """The reply to ``CLUSTER SLOTS`` of the node that was `asked`. Raises `ValueError` for one that can't be read."""
    try:
        return SlotMap(tuple(_range_of(row, asked) for row in reply))
    except (TypeError, LookupError, AttributeError, ValueError) as error:
        raise ValueError(f"not the reply to CLUSTER SLOTS: {reply!r:.100}") from error


def read_moved(said: str, asked: Node) -> Node | None:
    """Where ``MOVED slot host:port`` leads to, said by the node that was `asked`; None where the words do not tell."""
    words = said.split()
    if len(words) < 3 or words[0] != "MOVED":
        return None
    host, _, port = words[2].rpartition(":")
    if not port.isdecimal() or host == "?":
        return None
    return host or asked[0], int(port)


def _range_of(row: Sequence[Any], asked: Node) -> SlotRange:
    first, last, owner, *replicas = row
    nodes = [_node_of(node, asked) for node in (owner, *replicas)]
    return SlotRange(int(first), int(last), nodes[0], owner[2], tuple(nodes[1:]))


def _node_of(row: Sequence[Any], asked: Node) -> Node:
    """A node by its row: the host that clients are to use, its port, its name, and more in pairs, of which one may be
    its ``ip``."""
    host, port = row[0] or b"", int(row[1])
    if host == b"?" and len(row) > 3:
        pairs = dict(zip(row[3][::2], row[3][1::2], strict=False))
        host = pairs.get(b"ip", b"")
    return (asked[0] if host in _UNKNOWN else host.decode()), port
