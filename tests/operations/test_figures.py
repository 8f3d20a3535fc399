"""What processes have counted, put together."""

from __future__ import annotations

import msgspec
import pytest

from relay.operations.figures import Failing, Upstream, figures_of
from relay.telemetry.metrics import METRICS
from relay.telemetry.snapshot import ProcessInfo, Sample, Snapshot

RUN, WAIT = "relay_job_run_seconds", "relay_job_wait_seconds"
BOUNDS = METRICS[RUN].buckets


def counts(**by_bound: int) -> list[int]:
    """How many were in the bucket up to each bound, by ``_`` and milliseconds."""
    found = [0] * (len(BOUNDS) + 1)
    for bound, count in by_bound.items():
        found[BOUNDS.index(int(bound[1:]) / 1000)] = count
    return found


def snapshot(name: str, **samples: list[Sample]) -> Snapshot:
    info = ProcessInfo(name, "worker", "worker 1", "web1", 7, "0.1.0", 0)
    return Snapshot(info, samples)


def test_times_of_all_workers_count_together() -> None:
    quick = snapshot("w1", relay_job_run_seconds=[Sample(("mail",), counts=counts(_10=90))])
    slow = snapshot("w2", relay_job_run_seconds=[Sample(("mail",), counts=counts(_1000=10))])
    alone = figures_of([quick]).slow["mail"]
    assert 0.005 < alone.run <= 0.01
    assert alone.wait == 0.0
    assert 0.5 < figures_of([quick, slow]).slow["mail"].run <= 1.0


def test_what_failed_most_often_stands_first() -> None:
    failures = [
        Sample(("mail", "timeout"), 3.0),
        Sample(("scan", "refused"), 5.0),
        Sample(("scan", "never"), 0.0),
    ]
    attempts = [
        Sample(("mail", "succeeded"), 7.0),
        Sample(("mail", "failed"), 3.0),
        Sample(("scan", "retried"), 5.0),
    ]
    told = snapshot("w1", relay_failures_total=failures, relay_attempts_total=attempts)
    assert figures_of([told, told]).failing == [
        Failing("scan", "refused", 10, 10),
        Failing("mail", "timeout", 6, 20),
    ]


def test_calls_that_are_under_way_stand_first_and_those_of_the_last_minute_are_counted() -> None:
    def told(name: str, open: float, oldest: float, span: float) -> Snapshot:
        quick = [0] * (len(METRICS["relay_upstream_seconds"].buckets) + 1)
        quick[0] = 60
        return msgspec.structs.replace(
            snapshot(
                name,
                relay_upstream_open=[Sample(("a.example",), open), Sample(("idle.example",), 0.0)],
                relay_upstream_oldest_seconds=[Sample(("a.example",), oldest)],
            ),
            recent={
                "relay_upstream_requests_total": [
                    Sample(("b.example", "200"), 60.0),
                    Sample(("a.example", "0"), 6.0),
                ],
                "relay_upstream_seconds": [Sample(("b.example",), counts=quick)],
            },
            span=span,
        )

    a, b = figures_of([told("w1", 2.0, 14.0, 60.0), told("w2", 3.0, 1.0, 30.0)]).upstreams
    assert a == Upstream("a.example", 5, 14.0, pytest.approx(0.3), 0.0)  # type: ignore[arg-type]
    assert (b.host, b.open, b.oldest, b.rate) == ("b.example", 0, 0.0, 3.0)
    assert 0 < b.slow <= 0.0005


def test_processes_that_have_counted_nothing_have_no_figures() -> None:
    assert figures_of([snapshot("w1")]).slow == {}
    assert figures_of([]).failing == []
