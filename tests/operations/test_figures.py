"""What processes have counted, put together."""

from __future__ import annotations

from relay.operations.figures import Failing, figures_of
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


def test_processes_that_have_counted_nothing_have_no_figures() -> None:
    assert figures_of([snapshot("w1")]).slow == {}
    assert figures_of([]).failing == []
