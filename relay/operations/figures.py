"""What processes have counted since they began, put together: how long jobs wait and run, and what they fail with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec

from relay.telemetry.metrics import METRICS
from relay.telemetry.quantiles import quantile
from relay.telemetry.rates import Samples, added, fitting, totals
from relay.telemetry.snapshot import Sample, Snapshot

SHARE = 0.95  # of jobs that waited or ran for less


class Slowness(msgspec.Struct, frozen=True):
    """Of the jobs of one name: in how many seconds 95 % began after their submission (`wait`), and 95 % of attempts
    ended (`run`). 0 for what was not counted."""

    wait: float = 0.0
    run: float = 0.0


class Failing(msgspec.Struct, frozen=True):
    """What attempts at jobs of one name failed with, how often, and of how many attempts."""

    name: str
    problem: str
    times: int
    attempts: int


class Upstream(msgspec.Struct, frozen=True):
    """Calls to a host: how many are under way, and for how many seconds the oldest has had no answer; in the last
    minute how many ended in a second, and in how many seconds 95 % were answered, 0 for none."""

    host: str
    open: int
    oldest: float
    rate: float = 0.0
    slow: float = 0.0


class JobFigures(msgspec.Struct, frozen=True):
    """What was counted since the processes began: `slow` by name, `failing` with the most frequent first. `upstreams`
    are those that are called now or were in the last minute, those with the oldest calls first."""

    slow: dict[str, Slowness]
    failing: list[Failing]
    upstreams: list[Upstream] = []


def figures_of(snapshots: Iterable[Snapshot]) -> JobFigures:
    """The figures of these processes together."""
    known = list(snapshots)
    waits, runs = (_quantiles(known, f"relay_job_{what}_seconds") for what in ("wait", "run"))
    slow = {name: Slowness(waits.get(name, 0.0), runs.get(name, 0.0)) for name in {*waits, *runs}}
    attempts = totals(_samples(known, "relay_attempts_total"), 0)
    failing = [
        Failing(name, problem, int(times), int(attempts.get((name,), 0)))
        for (name, problem), times in totals(_samples(known, "relay_failures_total")).items()
        if times
    ]
    return JobFigures(slow, sorted(failing, key=lambda each: (-each.times, each.name)), _upstreams(known))


def _upstreams(snapshots: list[Snapshot]) -> list[Upstream]:
    open: dict[str, float] = defaultdict(float)
    oldest: dict[str, float] = defaultdict(float)
    rates: dict[str, float] = defaultdict(float)
    for sample in _samples(snapshots, "relay_upstream_open"):
        open[sample.labels[0]] += sample.value
    for sample in _samples(snapshots, "relay_upstream_oldest_seconds"):
        oldest[sample.labels[0]] = max(oldest[sample.labels[0]], sample.value)
    for each in snapshots:
        for sample in fitting(each.recent, "relay_upstream_requests_total"):
            rates[sample.labels[0]] += sample.value / max(each.span, 1.0)
    slow = _quantiles(snapshots, "relay_upstream_seconds", lambda each: each.recent)
    hosts = {host for host, count in open.items() if count} | rates.keys()
    found = (
        Upstream(host, int(open[host]), oldest[host], rates[host], slow.get(host, 0.0)) for host in hosts
    )
    return sorted(found, key=lambda each: (-each.oldest, -each.open, -each.rate, each.host))


Of = Callable[[Snapshot], Samples]


def _samples(
    snapshots: Iterable[Snapshot], metric: str, of: Of = lambda each: each.samples
) -> Iterable[Sample]:
    return (sample for each in snapshots for sample in fitting(of(each), metric))


def _quantiles(
    snapshots: Iterable[Snapshot], metric: str, of: Of = lambda each: each.samples
) -> dict[str, float]:
    """By the label."""
    counts: dict[str, list[int]] = {}
    for sample in _samples(snapshots, metric, of):
        counts[sample.labels[0]] = added(counts.get(sample.labels[0], []), sample.counts)
    found = {name: quantile(SHARE, METRICS[metric].buckets, each) for name, each in counts.items()}
    return {name: value for name, value in found.items() if value is not None}
