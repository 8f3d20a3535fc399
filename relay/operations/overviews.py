"""Makes an `Overview` of what the store tells, and of what processes have told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from relay.operations.seen import (
    NameStatus,
    Overview,
    PartitionStatus,
    ProcessStatus,
    QueueStatus,
    StoreInfo,
)
from relay.store.found import NameTally, Part, Totals
from relay.telemetry.snapshot import Snapshot

_SAFE = "noeviction"  # the maxmemory-policy that loses no jobs


def overview(
    totals: Totals,
    tallies: Iterable[NameTally],
    busy: Mapping[str, int],
    processes: list[ProcessStatus],
    store: StoreInfo,
    room: tuple[int, int],
) -> Overview:
    """`busy`: how many jobs of each name run, of those that were looked at."""
    running = _spread(busy, totals.running)
    names = [_name(totals, tally, running.get(tally.name, 0)) for tally in tallies]
    return Overview(
        time=totals.time,
        epoch=totals.epoch,
        names=names,
        queues=_queues(names, totals.stopped),
        processes=processes,
        store=store,
        queued=max(0, totals.jobs - totals.running - totals.scheduled),
        running=totals.running,
        scheduled=totals.scheduled,
        dead=totals.dead,
        bytes=totals.bytes,
        most_jobs=room[0],
        most_bytes=room[1],
        untold=totals.untold,
        oldest_untold=totals.oldest_untold,
        partitions=tuple(map(_partition, totals.parts)),
    )


def _partition(part: Part) -> PartitionStatus:
    return PartitionStatus(
        number=part.number,
        reached=part.is_up,
        queued=max(0, part.jobs - part.running - part.scheduled),
        running=part.running,
        scheduled=part.scheduled,
        dead=part.dead,
        bytes=part.bytes,
        epoch=part.epoch,
    )


def _spread(busy: Mapping[str, int], running: int) -> dict[str, int]:
    """What was counted stands for all where not all were."""
    counted = sum(busy.values())
    share = running / counted if counted and running > counted else 1
    return {name: round(count * share) for name, count in busy.items()}


def _name(totals: Totals, tally: NameTally, running: int) -> NameStatus:
    paused = totals.stopped.get(f"name {tally.name}") or totals.stopped.get(f"queue {tally.queue}", 0)
    return NameStatus(
        name=tally.name,
        queue=tally.queue,
        waiting=tally.waiting,
        oldest=tally.oldest,
        running=running,
        scheduled=tally.scheduled,
        dead=tally.dead,
        served=tally.served > totals.time,
        paused=paused,
        limited=tally.limited,
    )


def _queues(names: list[NameStatus], stopped: Mapping[str, int]) -> list[QueueStatus]:
    """Those that have names, or are paused."""
    paused = {what.removeprefix("queue "): since for what, since in stopped.items() if what[:6] == "queue "}
    queues = sorted({*(each.queue for each in names if each.queue), *paused})
    return [_queue(queue, [each for each in names if each.queue == queue], paused) for queue in queues]


def _queue(queue: str, names: list[NameStatus], paused: Mapping[str, int]) -> QueueStatus:
    return QueueStatus(
        queue=queue,
        names=tuple(each.name for each in names),
        waiting=sum(each.waiting for each in names),
        oldest=min((each.oldest for each in names if each.oldest), default=0),
        running=sum(each.running for each in names),
        scheduled=sum(each.scheduled for each in names),
        paused=paused.get(queue, 0),
    )


def process_status(snapshot: Snapshot, seen: int) -> ProcessStatus:
    """A process as it told of itself at a time (ms by Redis' clock), which its own clock may be far from."""
    began = seen - snapshot.age if snapshot.time else snapshot.info.began
    return ProcessStatus(**{**msgspec.structs.asdict(snapshot.info), "began": began}, seen=seen)


def store_info(servers: Sequence[Mapping[str, str]], latency: float) -> StoreInfo:
    """What the servers told (INFO), one at least, all of them after so many seconds."""
    infos = [_server_info(info, latency) for info in servers]
    fullest = max(infos, key=lambda info: info.memory / info.most_memory if info.most_memory else 0.0)
    return msgspec.structs.replace(
        fullest,
        policy=next((info.policy for info in infos if info.policy not in ("", _SAFE)), infos[0].policy),
        persistence=max(
            (info.persistence for info in infos), key=lambda how: ("failed" in how, how == "none")
        ),
        replicas=min(info.replicas for info in infos),
        clients=sum(info.clients for info in infos),
        commands=sum(info.commands for info in infos),
        uptime=min(info.uptime for info in infos),
    )


def _server_info(info: Mapping[str, str], latency: float) -> StoreInfo:

    def number(name: str) -> int:
        word = info.get(name, "")
        return int(word) if word.isdecimal() else 0

    return StoreInfo(
        reached=True,
        version=info.get("valkey_version") or info.get("redis_version", ""),
        memory=number("used_memory"),
        most_memory=number("maxmemory"),
        policy=info.get("maxmemory_policy", ""),
        persistence=_persistence(info),
        replicas=number("connected_slaves"),
        role=info.get("role", ""),
        clients=number("connected_clients"),
        commands=number("instantaneous_ops_per_sec"),
        latency=latency,
        uptime=number("uptime_in_seconds"),
    )


def _persistence(info: Mapping[str, str]) -> str:
    """Snapshots are known by those that were made since the server began."""
    if not info:
        return ""
    is_aof = info.get("aof_enabled") == "1"
    kind = "aof" if is_aof else "rdb" if info.get("rdb_saves", "0") != "0" else "none"
    checks = ("aof_last_write_status", "aof_last_bgrewrite_status") if is_aof else ("rdb_last_bgsave_status",)
    failed = [name for name in checks if info.get(name, "ok") != "ok"]
    return f"{kind} ({', '.join(failed)}: failed)" if failed else kind
