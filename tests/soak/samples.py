"""What is measured again and again: memory and descriptors of the processes that live from the beginning, what Redis
keeps, how long clients wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import RedisProcess, RelayProcess
from tests.soak.faults import began

_MIB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """One look; `seconds` since the beginning, memory in MiB, latencies in ms."""

    seconds: float
    figures: Mapping[str, float]
    families: Mapping[str, int]


@dataclass
class Sampler:
    """Looks at one relay."""

    relay: RelayProcess
    redis: RedisProcess
    oldest: dict[str, int] = field(default_factory=dict)  # the process of each role that no fault hits

    def begin(self) -> None:
        """Remember who is to live to the end."""
        assert self.relay.process is not None
        self.oldest = {
            "front": min(self.relay.children("relay front"), key=began),
            "worker": min(self.relay.children("relay worker"), key=began),
            "supervisor": self.relay.process.pid,
        }

    def look(self, seconds: float, quick: list[float]) -> Sample:
        """`quick`: seconds of jobs that take no time, sorted."""
        info: dict[str, Any] = self.redis.client.info("all")
        figures: dict[str, float] = {
            "Redis, MiB": info["used_memory"] / _MIB,
            "Redis, keys": float(self.redis.client.dbsize()),
            "Redis, connections": float(info["connected_clients"]),
        }
        for role, pid in self.oldest.items():
            figures[f"{role}, MiB"] = _private(pid) / _MIB
            figures[f"{role}, descriptors"] = float(len(list(Path(f"/proc/{pid}/fd").iterdir())))
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            if quick:
                figures[f"{name}, ms"] = 1000 * quick[int(share * (len(quick) - 1))]
        return Sample(seconds, figures, self._families())

    def _families(self) -> dict[str, int]:
        """How many keys there are of each family, and how long those are that there is one of."""
        found: dict[str, int] = {}
        client = self.redis.client
        for key in client.scan_iter(count=1000):
            family, _, name = key.decode("utf-8", "replace").partition(":")[2].partition(":")
            found[family] = found.get(family, 0) + (1 if name else _length(client, key))
        return found


def _length(client: Any, key: bytes) -> int:
    kind = client.type(key)
    sized = {b"hash": client.hlen, b"zset": client.zcard, b"set": client.scard, b"stream": client.xlen}
    return int(sized[kind](key)) if kind in sized else 1


def _private(pid: int) -> int:
    """Bytes that are this process's own."""
    rolled = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(size) for size in re.findall(r"^Private_\w+: +(\d+) kB", rolled, re.MULTILINE))
