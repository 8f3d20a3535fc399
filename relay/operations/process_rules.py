"""Rules by which something is wrong with processes and Redis: each finds one kind of trouble."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from relay.operations.finding import (
    BAD,
    NOTE,
    SILENT,
    WARNING,
    Finding,
    Looks,
    living,
    process_of,
    seconds_since,
    time_of,
)
from relay.operations.seen import Overview, ProcessStatus, StoreInfo

LATE = 1.0  # seconds by which a reactor was late
SLOW = 0.1  # seconds of a round trip to Redis
NEAR = 0.8  # of a limit
AT_LIMIT = 0.95
_APART = 10_000  # ms between the last word of a process and its end, and clocks that differ


def fronts(looks: Looks) -> Iterator[Finding]:
    """A relay that nobody answers for."""
    if not living(looks.now, "front"):
        yield Finding(
            BAD,
            "not a single front tells of itself: clients are not answered",
            "start one: systemctl status relay, and its log",
        )


def silent(looks: Looks) -> Iterator[Finding]:
    """Processes that tell of themselves no more, and have no successor that does."""
    for process in looks.now.processes:
        silence = seconds_since(process.seen, looks.now)
        if silence >= SILENT and not has_successor(process, looks.now):
            yield Finding(
                WARNING,
                f"{process_of(process)} has said nothing for {time_of(silence)}",
                "it ended, is cut off from Redis, or a handler blocks it: its log says which",
                f"process:{process.name}",
            )


def has_successor(process: ProcessStatus, overview: Overview) -> bool:
    """Whether it was started again: then it is not missed, and `minute_rules.restarts` tells of it."""
    return any(
        (each.title, each.host) == (process.title, process.host) and each.began >= process.seen - _APART
        for each in living(overview, process.role)
    )


def late(looks: Looks) -> Iterator[Finding]:
    """Processes that others on the machine hold up, or what is no handler: of those `minute_rules.stalls` tells."""
    stalled = {each.info.name for each in looks.minute.snapshots if "relay_stalls_total" in each.recent}
    for process in looks.now.processes:
        is_late = process.lag >= LATE and seconds_since(process.seen, looks.now) < SILENT
        if is_late and process.name not in stalled:
            yield Finding(
                WARNING,
                f"{process_of(process)} was {process.lag:.1f} s late",
                "a handler blocks it (its log names the line; use thread=True), or the machine has too little CPU",
                f"process:{process.name}",
            )


def descriptors(looks: Looks) -> Iterator[Finding]:
    """Processes that can soon open no more files, and so accept no more clients."""
    for process in looks.now.processes:
        if process.most_descriptors and process.descriptors >= NEAR * process.most_descriptors:
            yield Finding(
                WARNING,
                f"{process_of(process)} has {process.descriptors} of {process.most_descriptors} files open",
                "raise the limit (LimitNOFILE, ulimit -n), or add fronts",
                f"process:{process.name}",
            )


def quiet(looks: Looks) -> Iterator[Finding]:
    """Workers that somebody has told to claim nothing more."""
    for process in living(looks.now, "worker"):
        if process.quiet:
            yield Finding(
                NOTE,
                f"{process_of(process)} is quiet: it claims nothing more",
                f"relay workers go-on {process.name}",
                f"process:{process.name}",
            )


def versions(looks: Looks) -> Iterator[Finding]:
    """Processes that a deploy has left behind."""
    versions = sorted({process.version for process in looks.now.processes if process.version})
    if len(versions) > 1:
        yield Finding(
            NOTE,
            f"processes of different versions run: {', '.join(versions)}",
            "restart what is left of the older one",
        )


def strangers(looks: Looks) -> Iterator[Finding]:
    """Fronts that differ in whom they let in, though clients may come to any of them."""
    fronts = living(looks.now, "front")
    by_secrets = {frozenset(each.secrets): each for each in fronts if each.secrets}
    for one, other in combinations(by_secrets, 2):
        if not one & other:
            yield Finding(
                WARNING,
                f"{_both(by_secrets[one], by_secrets[other])} have no ticket secret in common: one refuses the tickets "
                "that the other takes",
                "give all fronts the same --ticket-secrets, and restart them",
            )
            break
    by_tokens = list({each.tokens: each for each in fronts if each.tokens}.values())
    if len(by_tokens) > 1:
        yield Finding(
            NOTE,
            f"{_both(*by_tokens[:2])} know different tokens: one refuses callers that the other lets in",
            "give all fronts the same file --tokens, unless they are there for different callers",
        )


def _both(one: ProcessStatus, other: ProcessStatus) -> str:
    return " and ".join(sorted(map(process_of, (one, other))))


def redis(looks: Looks) -> Iterator[Finding]:
    """Redis near its limits, or set up in a way that loses jobs."""
    store = looks.now.store
    if store.most_memory and store.memory >= NEAR * store.most_memory:
        yield Finding(
            BAD if store.memory >= AT_LIMIT * store.most_memory else WARNING,
            f"Redis uses {100 * store.memory // store.most_memory} % of its memory: at its limit it refuses jobs",
            "raise maxmemory, or let fewer jobs wait",
        )
    if store.policy and store.policy != "noeviction":
        yield Finding(
            BAD,
            f"Redis may throw jobs away when its memory is full (maxmemory-policy {store.policy})",
            "set maxmemory-policy noeviction; relay doctor says more",
        )
    if store.latency >= SLOW:
        yield Finding(
            WARNING,
            f"a round trip to Redis takes {store.latency * 1000:.0f} ms",
            "look for slow commands (SLOWLOG GET), swapping, and the network between; relay doctor says more",
        )
    yield from _writes(store)


def _writes(store: StoreInfo) -> Iterator[Finding]:
    """Whether it takes what it is given, and keeps it."""
    if store.refuses and not is_unsaved(store):
        what = (
            "submissions are refused, outcomes wait" if refuses_changes(store) else "submissions are refused"
        )
        yield Finding(
            BAD,
            f"Redis takes no job ({store.refuses}): {what}",
            "relay doctor --redis URL says what to do about these words; relay goes on by itself once Redis does",
        )
    elif refuses_changes(store):
        yield Finding(
            BAD,
            f"Redis can't write to its disk and refuses all changes ({store.persistence}): submissions are "
            "refused, outcomes wait",
            "make room on the disk that Redis saves to (redis-cli CONFIG GET dir, then df -h), or see its log; relay "
            "goes on by itself. A restart of Redis before that loses jobs",
        )
    elif is_unsaved(store):
        yield Finding(
            BAD,
            f"Redis can't save what it has: {store.persistence}",
            "look at its log, and at the disk; until it is mended a restart loses jobs",
        )


def is_unsaved(store: StoreInfo) -> bool:
    """Whether Redis could not save lately."""
    return "fail" in store.persistence or "err" in store.persistence


def refuses_changes(store: StoreInfo) -> bool:
    """Whether it takes nothing, not even that processes are there; without memory it takes what is no job."""
    if store.refuses and not store.refuses.startswith("OOM"):
        return True
    return is_unsaved(store) and ("aof_last_write" in store.persistence or "rdb" in store.persistence)


def partitions(looks: Looks) -> Iterator[Finding]:
    """Partitions of the store that are away, while others answer."""
    for each in looks.now.partitions:
        if not each.reached:
            yield Finding(
                BAD,
                f"partition {each.number} of the store is away: its jobs and keys are answered with 503, its outcomes "
                "wait, and no figure here has what it keeps",
                "see whether its server runs, and what relay's log says of it; relay goes on by itself once it answers",
                f"partition:{each.number}",
            )


def store_away(looks: Looks) -> Iterator[Finding]:
    """All there is to say where Redis does not answer."""
    yield Finding(
        BAD,
        "Redis does not answer: submissions are refused, outcomes wait",
        "relay doctor --redis URL says why (it is stopped, not reached, busy, or wants a password); relay goes on by "
        "itself once it answers",
    )
