"""The figures of one moment, by the names that the dashboard knows them by.

Of the store: ``queued``, ``running``, ``scheduled``, ``dead``, ``held``, ``held oldest``, ``queue default`` (length),
``oldest default`` (seconds), ``redis trip``, ``redis commands``, ``redis memory``. In a second: ``ended succeeded``,
``failed <job> <problem>``, ``api <host> <status>``, ``limited <caller> <limit>``, ``requests <status>``, ``end <how>``
<<<<<<< HEAD
(of requests). So far: ``process <role> <how>`` (that ended). ``told``: how many processes were counted; where there was
one, something that has not come is 0. Seconds:
``wait p50``, ``run p95``, ``written p99``, ``script p50``, ``run of <job> p95``, ``api time <host> p95``.
=======
(of requests), ``process <role> <how>`` (that ended). ``told``: how many processes were counted; where there was one,
something that has not come is 0. Seconds:
``wait p50``, ``run p95``, ``written p99``, ``script p50``, ``run of <job> p95``, ``api time <host> p95``,
``calls oldest <host>``. Under way: ``calls open <host>``.
>>>>>>> help-T18
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from relay.operations.seen import Overview
from relay.telemetry.metrics import METRICS
from relay.telemetry.quantiles import quantile
from relay.telemetry.rates import Compared, Labels, added

MOST = 20  # of one kind: the largest ones
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
#: counters, and where their labels stand in the names of figures
_RATES = (
    ("ended", "relay_attempts_total", (1,)),
    ("failed", "relay_failures_total", (0, 1)),
    ("api", "relay_upstream_requests_total", (0, 1)),
    ("limited", "relay_limited_total", (0, 1)),
    ("requests", "relay_requests_total", (0,)),
    ("end", "relay_requests_total", (1,)),
)
#: histograms, those of each label apart or all together
_TIMES = (
    ("wait", "relay_job_wait_seconds", False),
    ("run", "relay_job_run_seconds", False),
    ("written", "relay_outcome_written_seconds", False),
    ("script", "relay_redis_script_seconds", False),
    ("run of", "relay_job_run_seconds", True),
    ("api time", "relay_upstream_seconds", True),
)
#: gauges of calls that are under way, by host, and how those of several processes go together
_CALLS: tuple[tuple[str, str, Callable[[list[float]], float]], ...] = (
    ("calls open", "relay_upstream_open", sum),
    ("calls oldest", "relay_upstream_oldest_seconds", max),
)
Figures = Iterator[tuple[str, float]]


def of_overview(seen: Overview) -> Figures:
    """What the store says."""
    for name in ("queued", "running", "scheduled", "dead"):
        yield name, getattr(seen, name)
    yield "held", sum(each.held for each in seen.processes)
    yield "held oldest", max((each.oldest_held for each in seen.processes), default=0.0)
    for queue in sorted(seen.queues, key=lambda queue: -queue.waiting)[:MOST]:
        yield f"queue {queue.queue}", queue.waiting
        yield f"oldest {queue.queue}", max(seen.time - queue.oldest, 0) / 1000 if queue.oldest else 0.0
    if seen.store.reached:
        yield "redis trip", seen.store.latency
        yield "redis commands", seen.store.commands
        yield "redis memory", seen.store.memory


def of_processes(compared: Compared) -> Figures:
    """What processes counted since the look before."""
    yield "told", compared.processes
    for name, metric, at in _RATES:
        yield from _rates(name, compared.rates(metric), at)
    for name, metric, is_apart in _TIMES:
        yield from _times(name, metric, compared.counts(metric), is_apart)
    for labels, ends in compared.gauges("relay_restarts_total").items():
        yield f"process {' '.join(labels)}", sum(ends)
    for labels, values in compared.gauges("relay_held_requests_older").items():
        yield f"held older {labels[0]}", sum(values)
    for name, metric, together in _CALLS:
        yield from _largest(
            {f"{name} {host}": together(all) for (host,), all in compared.gauges(metric).items()}
        )


def _rates(name: str, rates: Mapping[Labels, float], at: tuple[int, ...]) -> Figures:
    total: dict[str, float] = {}
    for labels, rate in rates.items():
        shown = " ".join([name, *(labels[index] for index in at)])
        total[shown] = total.get(shown, 0.0) + rate
    yield from _largest(total)


def _largest(found: Mapping[str, float]) -> Figures:
    return iter(sorted(found.items(), key=lambda each: -each[1])[:MOST])


def _times(name: str, metric: str, counts: Mapping[Labels, list[int]], is_apart: bool) -> Figures:
    together: dict[str, list[int]] = {}
    for labels, each in counts.items():
        shown = f"{name} {labels[0]}" if is_apart and labels else name
        together[shown] = added(together.get(shown, []), each)
    largest = sorted(together.items(), key=lambda each: -sum(each[1]))[:MOST]
    for shown, buckets in largest:
        for label, share in SHARES.items():
            value = quantile(share, METRICS[metric].buckets, buckets)
            if value is not None:
                yield f"{shown} {label}", value
