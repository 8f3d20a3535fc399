"""Makes an `Overview` of what the store tells, and of what processes have told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from relay.operations.seen import NameStatus, Overview, ProcessStatus, QueueStatus, StoreInfo
from relay.store.found import NameTally, Totals
from relay.telemetry.snapshot import Snapshot


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
    """A process as it told of itself at a time (ms)."""
    return ProcessStatus(**msgspec.structs.asdict(snapshot.info), seen=seen)


def store_info(info: Mapping[str, str], latency: float) -> StoreInfo:
    """What the server told (INFO), after so many seconds."""

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
