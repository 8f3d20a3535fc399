"""Whether a Redis server has room and time for relay, by what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from relay.doctor.diagnosis import Diagnosis, bad, fine, note, warn
from relay.doctor.redis_state import RedisState
from relay.model.settings import Settings

_SKEW, _FAR = 1.0, 30.0  # seconds between two clocks: worth telling, and too many for proofs and JWTs
_TRIP, _WORST_TRIP = 0.005, 0.1  # seconds, of the median and of the longest
_FULL = 0.8  # of a limit
_TORN = 1.5  # memory that is taken, for each byte that is used
_LEAST_TORN = 256 << 20  # bytes below which that is no matter
_MIB = 1 << 20


def clock(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """Whether its time is that of this machine."""
    skew = abs(state.ahead)
    saw = f"its clock is {skew:.3f} s {'ahead of' if state.ahead > 0 else 'behind'} this machine's"
    why = "times of jobs go by Redis' clock, those of tickets, proofs and tokens by this one's"
    if skew > _FAR:
        yield bad(
            "clock",
            saw,
            f"{why}: a proof is valid for a minute only",
            "NTP on both: timedatectl set-ntp true",
        )
    elif skew > _SKEW:
        yield warn("clock", saw, why, "NTP on both: timedatectl set-ntp true")
    else:
        yield fine("clock", saw)


def latency(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """How long each step of a job waits for it."""
    middle, worst = median(state.trips), max(state.trips)
    saw = f"{len(state.trips)} round trips: {middle * 1000:.2f} ms in the middle, {worst * 1000:.2f} ms at worst"
    if middle > _TRIP:
        yield warn(
            "latency",
            saw,
            "a job alone takes three round trips to be queued, run and answered",
            "a Redis in the same place as relay's processes",
        )
    elif worst > _WORST_TRIP:
        yield note(
            "latency",
            saw,
            "something holds Redis up now and then: slow commands, a fork, a busy machine",
            "redis-cli --latency-history; latency-monitor-threshold 100",
        )
    else:
        yield fine("latency", saw)


def slow(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """Commands that held everybody up."""
    if not state.slow:
        return
    worst = max(state.slow, key=lambda each: each.milliseconds)
    ours = sum(each.what.startswith("relay's ") for each in state.slow)
    saw = f"{len(state.slow)} entries in the slow log, {ours} of relay's scripts; "
    saw += f"the longest: {worst.what}, {worst.milliseconds:.1f} ms"
    yield note(
        "slow log",
        saw,
        "while a command runs all others wait",
        "SLOWLOG GET; commands of others (KEYS, large ranges) belong on another Redis",
    )


def memory(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """Whether there is room for what relay may queue."""
    used, most = state.number("used_memory"), state.number("maxmemory")
    if not state.info:
        return
    saw = (
        f"{used // _MIB:,} MiB of {most // _MIB:,} MiB are used"
        if most
        else f"{used // _MIB:,} MiB are used, without a limit"
    )
    kept = settings.queue_bytes + settings.dead_bytes
    if most and used > _FULL * most:
        yield warn(
            "memory",
            saw,
            "when it is full, submissions are 503 store-full",
            "a larger maxmemory, a shorter --keep, smaller results",
            see="docs/reliability.md",
        )
    elif most and most < kept:
        yield warn(
            "memory",
            f"maxmemory is {most // _MIB:,} MiB, --queue-bytes and --dead-bytes are {kept // _MIB:,} MiB",
            "Redis is full before relay's own limits hold new jobs back",
            "a larger maxmemory, or a smaller --queue-bytes",
        )
    elif not most:
        yield note(
            "memory",
            saw,
            "the system ends Redis when memory runs out",
            "maxmemory, above --queue-bytes and the outcomes of --keep",
        )
    else:
        yield fine("memory", saw)
    torn = float(state.info.get("mem_fragmentation_ratio", "0") or 0)
    if torn > _TORN and used > _LEAST_TORN:
        yield note(
            "memory", f"it takes {torn:.1f} times of what it uses", "memory is in pieces", "activedefrag yes"
        )


def clients(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """Whether there is room for more processes of relay."""
    connected, most = state.number("connected_clients"), state.number("maxclients")
    if not connected or not most:
        return
    saw = f"{connected:,} of {most:,} clients are connected"
    if connected > _FULL * most:
        yield warn(
            "clients",
            saw,
            "above it processes of relay find no connection",
            "a larger maxclients; look for who does not close: CLIENT LIST",
        )
    else:
        yield fine("clients", saw)
