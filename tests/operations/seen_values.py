"""Values as `Operations` answer them, for tests of what is made of them."""

from __future__ import annotations

from typing import Any

import msgspec

from relay.operations.seen import NameStatus, Overview, ProcessStatus, QueueStatus, StoreInfo

NOW = 1_790_000_000_000
SECOND = 1000


def ago(seconds: float) -> int:
    """A time (ms) so long before `NOW`."""
    return NOW - int(seconds * SECOND)


def process(role: str, name: str = "", **known: Any) -> ProcessStatus:
    """A process that told of itself two seconds ago."""
    given = {
        "title": f"{role} 1",
        "host": "web1",
        "pid": 7,
        "version": "0.1.0",
        "began": ago(3600),
        "seen": ago(2),
    }
    return ProcessStatus(name=name or f"{role}-1", role=role, **{**given, **known})


FRONT = process("front", held=3, oldest_held=12.0)
WORKER = process("worker", running=2, concurrency=200)
REDIS = StoreInfo(
    reached=True,
    version="8.0",
    memory=5 << 20,
    most_memory=1 << 30,
    policy="noeviction",
    persistence="aof",
    clients=4,
    commands=120,
    latency=0.0004,
    uptime=3600,
)
MAIL = NameStatus(name="mail", queue="default", served=True)


def overview(*names: NameStatus, **known: Any) -> Overview:
    """A relay that is well, but for what is given."""
    queues = {name.queue: [each for each in names if each.queue == name.queue] for name in names}
    usual: dict[str, Any] = {
        "time": NOW,
        "epoch": "k7",
        "names": list(names),
        "queues": [
            QueueStatus(
                queue,
                tuple(each.name for each in found),
                waiting=sum(each.waiting for each in found),
                oldest=min((each.oldest for each in found if each.oldest), default=0),
                running=sum(each.running for each in found),
            )
            for queue, found in queues.items()
        ],
        "processes": [FRONT, WORKER],
        "store": REDIS,
        "queued": sum(name.waiting for name in names),
        "running": sum(name.running for name in names),
        "dead": sum(name.dead for name in names),
    }
    return Overview(**{**usual, **known})


def with_(value: Any, **changed: Any) -> Any:
    """A value with other fields."""
    return msgspec.structs.replace(value, **changed)
