"""Whether relay can rely on a Redis server, by what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from relay.doctor.diagnosis import Diagnosis, bad, fine, note, warn
from relay.doctor.durable_checks import cut_off, durable
from relay.doctor.key_checks import data, rights
from relay.doctor.load_checks import clients, clock, latency, memory, slow
from relay.doctor.redis_state import RedisState
from relay.model.settings import Settings
from relay.redis.refusal import word_of

_OLDEST = 7  # major version
_REDIS = "docs/running.md#redis"

RedisCheck = Callable[[RedisState, Settings], Iterator[Diagnosis]]


def version(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """Whether it has what relay's scripts need."""
    told = state.info.get("redis_version", "")
    if not told:
        why = "relay can't check its version and its policy, and treats each new connection as a possible loss of data"
        yield warn("version", "relay's user may not call INFO", why, "+info for its user", see=_REDIS)
        return
    shown = f"Valkey {state.info['valkey_version']}" if state.is_valkey else f"Redis {told}"
    if int(told.partition(".")[0]) < _OLDEST:
        yield bad(
            "version",
            shown,
            f"relay needs Redis {_OLDEST}.0 or later, or Valkey, and does not start",
            see=_REDIS,
        )
    else:
        yield fine("version", f"{shown}, which has been up for {_span(state.number('uptime_in_seconds'))}")


def _span(seconds: int) -> str:
    for unit, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} seconds"


def eviction(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """Whether it deletes what it was given."""
    policy, evicted = state.info.get("maxmemory_policy"), state.number("evicted_keys")
    if policy not in (None, "noeviction"):
        yield bad(
            "eviction",
            f"maxmemory-policy is {policy}",
            "jobs are lost when memory runs out, and relay does not start",
            "maxmemory-policy noeviction in redis.conf",
            see=_REDIS,
        )
    elif evicted:
        yield warn(
            "eviction",
            f"{evicted:,} keys have been evicted since it started",
            "jobs may be among them",
            see=_REDIS,
        )
    elif policy:
        yield fine("eviction", "maxmemory-policy is noeviction")


def writes(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """Whether it takes jobs now."""
    if not state.unwritable:
        return
    word = word_of(state.unwritable)
    remedy = _REMEDIES.get(word, "look at Redis' log")
    yield bad(
        "writes",
        f"it refuses to write: {state.unwritable}",
        "relay takes no job and its workers report nothing: clients get 503 (store-away) until that is over",
        remedy.format(dir=state.settings.get("dir") or "of its files (CONFIG GET dir)"),
        see=_REDIS,
    )


_REMEDIES = {
    "MISCONF": "make room on the disk with the directory {dir}, and let Redis write there; look at its log. It takes "
    "writes again after a save that goes well: BGSAVE (append-only file: by itself)",
    "OOM": "raise maxmemory, or delete what is not relay's; relay's own bounds are --queue-limit and --queue-bytes",
    "READONLY": "name the primary with --redis, or promote this one: REPLICAOF NO ONE",
    "NOREPLICAS": "bring its replicas back, or lower min-replicas-to-write",
    "BUSY": "SCRIPT KILL ends the script that it runs, FUNCTION KILL the function",
}


def persistence(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """What is left after a crash."""
    info = state.info
    if not info:
        return
    for name, what in (
        ("aof_last_write_status", "write of the append-only file"),
        ("aof_last_bgrewrite_status", "rewrite of the append-only file"),
        ("rdb_last_bgsave_status", "snapshot"),
    ):
        if info.get(name, "ok") != "ok":
            yield bad(
                "persistence",
                f"the last {what} failed",
                "Redis may refuse to write from now on (MISCONF), and loses what it has at its next start",
                f"look at Redis' log: {_disk(state)} is full, or memory is (vm.overcommit_memory=1)",
            )
    if info.get("aof_enabled") != "1":
        yield warn(
            "persistence",
            "appendonly is off",
            "all jobs since the last snapshot are lost when Redis ends",
            "appendonly yes",
            see="docs/reliability.md",
        )
        return
    policy = state.settings.get("appendfsync", "")
    if policy == "no":
        yield warn(
            "persistence",
            "appendfsync is no",
            "half a minute of jobs is lost with a power cut",
            "appendfsync everysec",
        )
    else:
        yield fine(
            "persistence",
            f"append-only file{f', appendfsync {policy}' * bool(policy)}; its last writes went well",
        )


def _disk(state: RedisState) -> str:
    directory = state.settings.get("dir")
    return f"the disk with {directory}" if directory else "the disk"


def replication(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """What is left when its machine is gone."""
    if state.info.get("role") == "slave":
        master = f"{state.info.get('master_host')}:{state.info.get('master_port')}"
        yield bad(
            "replication",
            f"this is a replica of {master}",
            "it can't be written to",
            f"--redis redis://{master}",
        )
        return
    replicas, least = state.number("connected_slaves"), int(state.settings.get("min-replicas-to-write") or 0)
    if least > replicas:
        yield bad(
            "replication",
            f"{replicas} replicas, and min-replicas-to-write is {least}",
            "Redis refuses to write (NOREPLICAS)",
        )
    elif state.info and not replicas:
        yield note(
            "replication",
            "no replica",
            "while this machine is away relay takes no jobs, and with its disk they are lost",
            see="docs/reliability.md",
        )
    elif state.info:
        yield fine("replication", f"{replicas} replica{'' if replicas == 1 else 's'}")


def hidden(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """What there was no looking at."""
    asked = [name for name in state.hidden if name in ("CONFIG GET", "SLOWLOG GET")]
    if asked:
        why = (
            "relay itself does not need it: give the URL of an administrator with --redis to look there, too"
        )
        yield note("not asked", f"relay's user may not call {' and '.join(asked)}", why)


REDIS_CHECKS: tuple[RedisCheck, ...] = (
    version,
    writes,
    data,
    rights,
    eviction,
    persistence,
    replication,
    durable,
    cut_off,
    memory,
    clients,
    latency,
    slow,
    clock,
    hidden,
)


def check_redis(state: RedisState, settings: Settings) -> list[Diagnosis]:
    """What all checks say."""
    return [diagnosis for check in REDIS_CHECKS for diagnosis in check(state, settings)]
