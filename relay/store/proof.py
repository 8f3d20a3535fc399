"""What proves that a write is durable: so many replicas have it, or the disk of the server that took it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

#: the version of Redis that can wait for its disk; each Valkey says that it is at least that
_WAITAOF: Final = (7, 2)
#: that says so with `appendfsync everysec`, too, no sooner than it is true: others, Valkey 9.1 among them, answer at
#: once, up to a second before they write to the disk
_TRUE: Final = (8, 0)


class NoProof(Exception):
    """A server can't prove it; the message says why."""


class Proof(msgspec.Struct, frozen=True):
    """How many replicas have to have a write, and whether the server's own disk has to."""

    replicas: int = 0
    disk: bool = False

    def commands(self, milliseconds: int) -> list[tuple[str | int, ...]]:
        """What is asked behind a write, each for so long at most."""
        asked: list[tuple[str | int, ...]] = []
        if self.replicas:
            asked.append(("WAIT", self.replicas, milliseconds))
        if self.disk:
            asked.append(("WAITAOF", 1, 0, milliseconds))
        return asked

    def missing(self, replies: Sequence[Any]) -> str:
        """What does not have the write, by the replies to `commands`; "" for nothing."""
        left = list(replies)
        if self.replicas and (acknowledged := left.pop(0)) < self.replicas:
            return f"{acknowledged} of {self.replicas} replicas have it"
        return "the disk does not have it" if self.disk and left[0][0] < 1 else ""

    def of_all(self, replicas: int) -> Proof:
        """The same where so many could take over: whichever does has the write."""
        return Proof(max(self.replicas, replicas), self.disk) if self.replicas else self

    def __str__(self) -> str:
        replicas = f"{self.replicas} replica{'s' * (self.replicas != 1)}" if self.replicas else ""
        return " and ".join(filter(None, (replicas, "the disk" if self.disk else "")))


class ProofWanted(msgspec.Struct, frozen=True):
    """What an operator has chosen (`Settings.durable`, `durable_replicas`), and whether the address is one at which
    another server takes over (Sentinel, Cluster)."""

    choice: str = "auto"
    replicas: int = 1
    fails_over: bool = False

    def proof(self, info: Mapping[str, str], had_replicas: bool = False) -> Proof:
        """What a server has to prove that says this of itself, and maybe had replicas before. Raises `NoProof`."""
        if self.choice == "replica" or (self.choice == "auto" and self._has_replicas(info, had_replicas)):
            return Proof(self.replicas)
        why = _no_disk(info)
        if not why:
            return Proof(self.replicas if self.choice == "replica+disk" else 0, disk=True)
        raise NoProof(f"it has no replica, and {why}" if self.choice == "auto" else why)

    def asks_policy(self, info: Mapping[str, str]) -> bool:
        """Whether it matters how the server writes to its disk (`appendfsync`)."""
        is_disk = self.choice == "auto" and not self._has_replicas(info, False)
        return info.get("aof_enabled") == "1" and (is_disk or self.choice.endswith("disk"))

    def _has_replicas(self, info: Mapping[str, str], had_replicas: bool) -> bool:
        return self.fails_over or had_replicas or counts_on_replicas(info)


ANY_PROOF: Final = ProofWanted()


def counts_on_replicas(info: Mapping[str, str]) -> bool:
    """Whether a server has a replica, or should have (`min-replicas-to-write`)."""
    return info.get("connected_slaves", "0") != "0" or "min_slaves_good_slaves" in info


def _no_disk(info: Mapping[str, str]) -> str:
    """Why a server can't be asked what its disk has; "" if it can."""
    told = info.get("redis_version", "0")
    version = tuple(map(int, told.split(".")[:2]))
    if info.get("aof_enabled") != "1":
        return "it keeps no append-only file (appendonly yes)"
    if version < _WAITAOF:
        return f"Redis {told} can't say what its disk has (WAITAOF came with Redis 7.2)"
    policy = info.get("appendfsync", "")
    if policy == "always" or (version >= _TRUE and "valkey_version" not in info):
        return ""
    if not policy:
        return "relay's user may not ask for its appendfsync (+config|get), which has to be always"
    return f"with appendfsync {policy} it says too early that its disk has a write (appendfsync always)"
