"""What a process tells of itself: who it is, how it is, and what it has counted since it began."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import msgspec


class ProcessInfo(msgspec.Struct, frozen=True):
    """A process at one moment. Fields are as in `relay.operations.seen.ProcessStatus`."""

    name: str
    role: str
    title: str
    host: str
    pid: int
    version: str
    began: int
    held: int = 0
    oldest_held: float = 0.0
    running: int = 0
    concurrency: int = 0
    queues: tuple[str, ...] = ()
    lag: float = 0.0
    memory: int = 0
    descriptors: int = 0
    most_descriptors: int = 0
    quiet: bool = False
    secrets: tuple[str, ...] = ()
    tokens: str = ""


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One series of a metric: its labels' values in their order, and a `value`; a histogram has instead how many were
    in each bucket (`counts`, the last for infinity) and their `sum`."""

    labels: tuple[str, ...] = ()
    value: float = 0.0
    counts: list[int] = []
    sum: float = 0.0


class Snapshot(msgspec.Struct, frozen=True):
    """A process and its metrics by their names; `time` is when that was told, ms since the epoch by a clock of its own,
    which goes evenly and may be wrong, as that of `info.began`: the two tell its age, and nothing when compared with
    those of others. `recent`: what was added to some of them in the last `span` seconds, about a minute
    (`relay.telemetry.recent`)."""

    info: ProcessInfo
    samples: dict[str, list[Sample]] = {}
    time: int = 0
    recent: dict[str, list[Sample]] = {}
    span: float = 0.0

    @property
    def age(self) -> int:
        """How long the process had been there, in ms."""
        return self.time - self.info.began


encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Snapshot)


def decode(told: bytes) -> Snapshot | None:
    """None for what can't be read, of another version or damaged, or has numbers that are none."""
    try:
        found = _decoder.decode(told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if all(map(isfinite, _numbers(found))) else None


def _numbers(told: Snapshot) -> Iterator[float]:
    yield from (told.info.oldest_held, told.info.lag)
    for samples in told.samples.values():
        for each in samples:
            yield each.value + each.sum
