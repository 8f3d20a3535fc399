"""Rules by which something is wrong with jobs: each finds one kind of trouble."""

from __future__ import annotations

from collections.abc import Iterator

from relay.operations.finding import (
    BAD,
    NOTE,
    WARNING,
    Finding,
    Looks,
    jobs_of,
    living,
    seconds_since,
    time_of,
)
from relay.operations.seen import NameStatus

OLD = 30.0  # seconds that a job waits in a queue that nothing holds back, after which somebody should look
VERY_OLD = 300.0
NEAR = 0.8  # of what may be queued
AT_LIMIT = 0.95
UNTOLD = 10.0  # seconds that the end of a durable job waits for its proof: where all is well that takes less than one


def unserved(looks: Looks) -> Iterator[Finding]:
    """Jobs that wait while nobody can run them."""
    for name in looks.now.names:
        if name.waiting and not name.served and not name.paused:
            yield Finding(
                BAD,
                f"{jobs_of(name.waiting)} of {name.name} wait{'s' * (name.waiting == 1)}, and no worker serves it",
                _UNSERVED[bool(living(looks.now, "worker"))].format(name=name.name, queue=name.queue),
                f"name:{name.name}",
            )


#: by whether there are workers at all
_UNSERVED = {
    True: "the workers that run do not have it. Since a deploy: does the new code lack {name}? Roll back, then relay "
    "reload. Else start a worker with its module and the queue {queue}: relay workers",
    False: "not a single worker tells of itself: systemctl status relay, and its log, which says why they ended",
}


def full(looks: Looks) -> Iterator[Finding]:
    """Queues whose jobs wait because all places of workers are taken, and by what."""
    for queue in looks.now.queues:
        mine = [name for name in looks.now.names if name.queue == queue.queue]
        old = [name for name in mine if _is_old(name, looks)]
        if old and is_busy(queue.queue, looks):
            waits = max(seconds_since(name.oldest, looks.now) for name in old)
            most = max(mine, key=lambda name: name.running)
            yield Finding(
                BAD if waits >= VERY_OLD else WARNING,
                f"all places of the workers of the queue {queue.queue} are taken, {most.running:,} by {most.name}; "
                f"{jobs_of(queue.waiting)} wait{'s' * (queue.waiting == 1)}, the oldest for {time_of(waits)}",
                f"see why {most.name} takes so many places: relay jobs --name {most.name}; more workers or a higher "
                f"--concurrency make room, relay queues pause --name {most.name} keeps it from taking more",
                f"queue:{queue.queue}",
            )


def is_busy(queue: str, looks: Looks) -> bool:
    """Whether the workers of a queue can run nothing more."""
    serving = [each for each in living(looks.now, "worker") if not each.queues or queue in each.queues]
    places = sum(each.concurrency for each in serving if not each.quiet)
    return 0 < places <= sum(each.running for each in serving if not each.quiet) + 1


def _is_old(name: NameStatus, looks: Looks) -> bool:
    held_back = name.paused or not name.served or name.limited >= name.waiting
    return bool(name.waiting) and not held_back and seconds_since(name.oldest, looks.now) >= OLD


def old(looks: Looks) -> Iterator[Finding]:
    """Jobs that wait for long where something could run them."""
    busy = {queue.queue for queue in looks.now.queues if is_busy(queue.queue, looks)}
    for name in looks.now.names:
        waits = seconds_since(name.oldest, looks.now)
        if _is_old(name, looks) and name.queue not in busy:
            yield Finding(
                BAD if waits >= VERY_OLD else WARNING,
                f"the oldest of {jobs_of(name.waiting)} of {name.name} waits for {time_of(waits)}",
                f"add workers that serve the queue {name.queue}, or see what they do: relay workers",
                f"name:{name.name}",
            )


def untold(looks: Looks) -> Iterator[Finding]:
    """Durable jobs that have ended and whose ends are not proved, so that nobody hears of them."""
    waits = seconds_since(looks.now.oldest_untold, looks.now)
    if looks.now.untold and waits >= UNTOLD:
        have, ends = ("job has", "its end") if looks.now.untold == 1 else ("jobs have", "their ends")
        yield Finding(
            BAD,
            f"{looks.now.untold:,} durable {have} ended, and nobody is told how: no replica or disk has proved that it "
            f"has {ends}, the first for {time_of(waits)}",
            "relay doctor --redis URL says what is waited for (its line durable): bring back the replica, or have "
            "Redis write to its disk; relay tells of them by itself then, and runs none again",
        )


def behind_limits(looks: Looks) -> Iterator[Finding]:
    """Jobs that a limit has held back for long."""
    for name in looks.now.names:
        waits = seconds_since(name.oldest, looks.now)
        if name.waiting and name.limited >= name.waiting and waits >= VERY_OLD and not name.paused:
            yield Finding(
                WARNING,
                f"a limit holds back {jobs_of(name.limited)} of {name.name}, the oldest for {time_of(waits)}",
                "see what holds them back: relay limits",
                f"name:{name.name}",
            )


def dead(looks: Looks) -> Iterator[Finding]:
    """Jobs that died since the look before; at the first look those that there are."""
    before = {name.name: name.dead for name in looks.before.names} if looks.before else {}
    for name in looks.now.names:
        more = name.dead - before.get(name.name, name.dead)
        if more > 0:
            yield Finding(
                WARNING,
                f"{jobs_of(more)} of {name.name} died lately; {name.dead} are dead in all",
                f"see why: relay dead list --name {name.name}; once mended: relay dead retry --name {name.name}",
                f"name:{name.name}",
            )
    if not looks.before and looks.now.dead:
        yield Finding(
            NOTE, f"{looks.now.dead:,} dead job{'s' * (looks.now.dead != 1)}", "see why: relay dead list"
        )


def paused(looks: Looks) -> Iterator[Finding]:
    """Queues and names that somebody has stopped."""
    stopped = {queue.queue for queue in looks.now.queues if queue.paused}
    for queue in looks.now.queues:
        if queue.paused:
            since = time_of(seconds_since(queue.paused, looks.now))
            yield Finding(
                NOTE,
                f"the queue {queue.queue} is paused for {since}; {jobs_of(queue.waiting)} in it",
                f"relay queues resume {queue.queue}",
                f"queue:{queue.queue}",
            )
    for name in looks.now.names:
        if name.paused and name.queue not in stopped:
            since = time_of(seconds_since(name.paused, looks.now))
            yield Finding(
                NOTE,
                f"{name.name} is paused for {since}; {jobs_of(name.waiting)} of it",
                f"relay queues resume --name {name.name}",
                f"name:{name.name}",
            )


def room(looks: Looks) -> Iterator[Finding]:
    """Queues that are nearly full."""
    now = looks.now
    for used, most, what, setting in (
        (now.queued + now.scheduled + now.running, now.most_jobs, "jobs", "--queue-limit"),
        (now.bytes, now.most_bytes, "bytes of jobs", "--queue-bytes"),
    ):
        if most and used >= NEAR * most:
            full = used >= AT_LIMIT * most
            yield Finding(
                BAD if full else WARNING,
                f"{used:,} of at most {most:,} {what} are there: {'' if full else 'soon '}submissions get 503 "
                f"queue-full{_mostly(looks)}",
                f"whose are they? {_whose(looks)}relay tokens add … --queued limits a caller; add workers, or raise "
                f"{setting} if Redis has the memory",
            )


def _largest(looks: Looks) -> NameStatus | None:
    """The name of which there are most."""
    return max(looks.now.names, key=lambda name: name.waiting + name.running + name.scheduled, default=None)


def _mostly(looks: Looks) -> str:
    most = _largest(looks)
    return f"; {jobs_of(most.waiting + most.running + most.scheduled)} are of {most.name}" if most else ""


def _whose(looks: Looks) -> str:
    most = _largest(looks)
    return f"relay jobs --name {most.name}; " if most else ""
