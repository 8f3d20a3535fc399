"""Counts what happens, for metrics. It stands on the way of each request, so an event is a lookup and an addition; how
the numbers are shown is left to those who read them (`samples`)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import product

from relay.model.job import Claim
from relay.telemetry.events import Events
from relay.telemetry.metrics import METRICS
from relay.telemetry.snapshot import Sample
from relay.telemetry.tallies import OTHER, AttemptNames, Counters, Spread, Spreads, Values


def _spreads(name: str) -> Spreads:
    return Spreads(METRICS[name].buckets)


class Counts(Events):
    """All counts of one process, since it began."""

    is_safe = True

    def __init__(self) -> None:
        self._jobs, self._callers, self._hosts, self._problems = Values(), Values(), Values(), Values()
        self._committed = self._beats = self._abandoned = 0
        self._stalls = self._away = self._lost = 0
        self._submissions, self._requests, self._limited = Counters(), Counters(), Counters()
        self._failures, self._restarts, self._stalled = Counters(), Counters(), Counters()
        self._upstream, self._not_provable = Counters(), Counters()
        self._written = Spread(METRICS["relay_outcome_written_seconds"].buckets)
        self._left = Spread(METRICS["relay_abandoned_age_seconds"].buckets)
        self._lag = Spread(METRICS["relay_reactor_lag_seconds"].buckets)
        self._names = AttemptNames(
            METRICS["relay_job_wait_seconds"].buckets, METRICS["relay_job_run_seconds"].buckets
        )
        self._calls, self._scripts = (
            _spreads("relay_upstream_seconds"),
            _spreads("relay_redis_script_seconds"),
        )
        self._open: dict[str, int] = {}  # breakers by host: how many of its ports are refused

    # -- fronts --

    def submitted(self, job: str, caller: str, is_new: bool) -> None:
        self._submissions[self._jobs[job], "yes" if is_new else "no"].value += 1

    def limited(self, caller: str, limit: str) -> None:
        self._limited[self._callers[caller], limit].value += 1

    def committed(self, id: str, seconds: float) -> None:
        self._committed += 1

    def beat(self) -> None:
        self._beats += 1

    def request_ended(self, status: int, end: str, late: float = -1.0) -> None:
        self._requests[status, end].value += 1
        if late >= 0:
            spread = self._written
            spread.counts[bisect_left(spread.bounds, late)] += 1
            spread.sum += late
        elif end == "abandoned":
            self._abandoned += 1

    def abandoned(self, seconds: float) -> None:
        self._left.add(seconds)

    # -- workers --

    def claimed(self, claim: Claim) -> None:
        if claim.starts == 1 and claim.started:
            spread, seconds = self._names[claim.job.name].waits, (claim.started - claim.created) / 1000
            spread.counts[bisect_left(spread.bounds, seconds)] += 1
            spread.sum += seconds

    def ended(self, claim: Claim, how: str, problem: str, seconds: float, size: int) -> None:
        name = claim.job.name
        tallies = self._names[name]
        tallies.ends[how] += 1
        spread = tallies.runs
        spread.counts[bisect_left(spread.bounds, seconds)] += 1
        spread.sum += seconds
        if problem:
            self._failures[self._jobs[name], self._problems[problem]].value += 1

    def called(self, host: str, method: str, status: int, seconds: float, id: str, url: str) -> None:
        host = self._hosts[host]
        self._upstream[host, str(status) if 0 <= status < 1000 else OTHER].value += 1
        self._calls[host].add(seconds)

    def breaker(self, host: str, is_open: bool) -> None:
        host = self._hosts[host]
        self._open[host] = max(0, self._open.get(host, 0) + (1 if is_open else -1))

    def stalled(self, id: str, job: str, seconds: float) -> None:
        self._stalls += 1
        self._stalled[self._jobs[job],].value += 1

    # -- all --

    def not_provable(self, job: str) -> None:
        self._not_provable[self._jobs[job],].value += 1

    def script_run(self, verb: str, seconds: float) -> None:
        spread = self._scripts[verb]
        spread.counts[bisect_left(spread.bounds, seconds)] += 1
        spread.sum += seconds

    def store_away(self, verb: str) -> None:
        self._away += 1

    def store_lost(self) -> None:
        self._lost += 1

    def lagged(self, seconds: float) -> None:
        self._lag.add(seconds)

    def restarted(self, role: str, how: str) -> None:
        self._restarts[role, how].value += 1

    # -- read --

    def samples(self, role: str) -> dict[str, list[Sample]]:
        """What a process of this role has counted, by name of the metric. Those without labels are there from the
        beginning, so that a first one is seen as a rise."""
        self._begin(role)
        found = {name: [_sample((), spread)] for name, spread in self._alone(role)}
        found |= {name: [Sample((), float(number))] for name, number in self._numbers(role)}
        for name, counters in self._counters():
            found[name] = [Sample(tuple(map(str, labels)), count.value) for labels, count in counters.items()]
        for name, spreads in self._spreads():
            found[name] = [_sample((label,), spread) for label, spread in list(spreads.items())]
        found |= self._attempts()
        found["relay_breaker_open"] = [
            Sample((host,), float(number > 0)) for host, number in self._open.items()
        ]
        return {name: samples for name, samples in found.items() if samples}

    def _begin(self, role: str) -> None:
        """What must not happen is there from the beginning, too."""
        for status in (0, 200) if role == "front" else ():
            self._requests[status, "cut"]
        for labels in product(("front", "worker"), ("exited", "killed")) if role == "supervisor" else ():
            self._restarts[labels]

    def _attempts(self) -> dict[str, list[Sample]]:
        names = list(self._names.items())
        ends = [((name, str(how)), count) for name, each in names for how, count in each.ends.items()]
        waited = [(name, each.waits) for name, each in names if any(each.waits.counts)]
        return {
            "relay_attempts_total": [Sample(labels, float(count)) for labels, count in ends],
            "relay_job_run_seconds": [_sample((name,), each.runs) for name, each in names],
            "relay_job_wait_seconds": [_sample((name,), waits) for name, waits in waited],
        }

    def _alone(self, role: str) -> Iterable[tuple[str, Spread]]:
        yield "relay_reactor_lag_seconds", self._lag
        if role == "front":
            yield "relay_outcome_written_seconds", self._written
            yield "relay_abandoned_age_seconds", self._left

    def _numbers(self, role: str) -> Iterator[tuple[str, int]]:
        yield "relay_store_away_total", self._away
        yield "relay_redis_connections_lost_total", self._lost
        if role == "worker":
            yield "relay_stalls_total", self._stalls
        elif role == "front":
            yield "relay_committed_total", self._committed
            yield "relay_heartbeats_total", self._beats
            yield "relay_abandoned_total", self._abandoned

    def _counters(self) -> Iterator[tuple[str, Counters]]:
        yield "relay_requests_total", self._requests
        yield "relay_submissions_total", self._submissions
        yield "relay_limited_total", self._limited
        yield "relay_failures_total", self._failures
        yield "relay_upstream_requests_total", self._upstream
        yield "relay_restarts_total", self._restarts
        yield "relay_job_stalls_total", self._stalled
        yield "relay_not_provable_total", self._not_provable

    def _spreads(self) -> Iterator[tuple[str, Spreads]]:
        yield "relay_upstream_seconds", self._calls
        yield "relay_redis_script_seconds", self._scripts


def _sample(labels: tuple[str, ...], spread: Spread) -> Sample:
    return Sample(labels, 0.0, list(spread.counts), spread.sum)
