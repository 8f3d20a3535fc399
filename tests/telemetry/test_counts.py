"""What happens is counted by its names, whatever others call it."""

from __future__ import annotations

import msgspec

from relay.model.job import Claim, Job
from relay.telemetry import snapshot
from relay.telemetry.counts import Counts
from relay.telemetry.metrics import AGES, METRICS
from relay.telemetry.snapshot import ProcessInfo, Sample, Snapshot
from relay.telemetry.tallies import MOST_CHARACTERS, MOST_SERIES, MOST_VALUES, OTHER

JOB = Job("resize", "media", "anonymous", "", 0, 3, "", "", False, "", "{}")


def claim(started: int = 3500, starts: int = 1) -> Claim:
    return Claim("0-a-b", JOB, 1, 1000, 0, started, starts)


def values(counts: Counts, name: str, role: str = "worker") -> dict[tuple[str, ...], float]:
    return {sample.labels: sample.value for sample in counts.samples(role).get(name, [])}


def test_attempts_are_counted_by_name_and_end_and_those_that_failed_by_problem() -> None:
    counts = Counts()
    counts.ended(claim(), "succeeded", "", 0.2, 10)
    counts.ended(claim(), "retried", "upstream-timeout", 0.3, 0)
    counts.ended(claim(), "succeeded", "", 90.0, 10)
    attempts = {("resize", "succeeded"): 2, ("resize", "retried"): 1}
    assert values(counts, "relay_attempts_total") == attempts
    assert values(counts, "relay_failures_total") == {("resize", "upstream-timeout"): 1}
    (run,) = counts.samples("worker")["relay_job_run_seconds"]
    assert sum(run.counts) == 3
    assert run.sum == 90.5
    bounds = METRICS["relay_job_run_seconds"].buckets
    assert run.counts[bounds.index(0.25)] == 1  # 0.2 is not above 0.25, and above 0.1
    assert run.counts[bounds.index(120)] == 1


def test_durable_jobs_that_nothing_can_prove_are_counted_by_name_whoever_brings_them() -> None:
    counts = Counts()
    for name in ("pay", "pay", "close"):
        counts.not_provable(name)
    for role in ("front", "worker"):
        assert values(counts, "relay_not_provable_total", role) == {("pay",): 2, ("close",): 1}


def test_the_wait_of_a_job_is_that_until_its_first_start() -> None:
    counts = Counts()
    counts.claimed(claim())
    counts.claimed(claim(started=60_000, starts=2))
    (wait,) = counts.samples("worker")["relay_job_wait_seconds"]
    assert (sum(wait.counts), wait.sum) == (1, 2.5)


def test_a_value_on_a_bound_is_below_it() -> None:
    counts = Counts()
    counts.script_run("turn", 0.001)
    (run,) = counts.samples("worker")["relay_redis_script_seconds"]
    assert run.counts.index(1) == METRICS["relay_redis_script_seconds"].buckets.index(0.001)


def test_names_that_others_choose_are_counted_together_above_a_bound() -> None:
    counts = Counts()
    for number in range(MOST_VALUES + 50):
        counts.called(f"{number}.example", "GET", 200, 0.1, "0-a-b", "")
        counts.limited(f"token:{number}", "rate")
    hosts = values(counts, "relay_upstream_requests_total")
    assert len(hosts) == MOST_VALUES + 1
    assert hosts["other", "200"] == 50
    assert values(counts, "relay_limited_total")["other", "rate"] == 50


def test_a_breaker_is_open_until_it_has_closed() -> None:
    counts = Counts()
    counts.breaker("api.example", True)
    assert values(counts, "relay_breaker_open") == {("api.example",): 1}
    counts.breaker("api.example", False)
    assert values(counts, "relay_breaker_open") == {("api.example",): 0}


def test_what_has_no_labels_is_there_before_it_happens_for_the_role_that_it_belongs_to() -> None:
    counts = Counts()
    assert values(counts, "relay_heartbeats_total", "front") == {(): 0}
    assert values(counts, "relay_stalls_total", "worker") == {(): 0}
    assert "relay_heartbeats_total" not in counts.samples("worker")


def test_all_that_is_counted_is_listed_with_its_labels_and_buckets() -> None:
    counts = Counts()
    counts.submitted("resize", "token:a", True)
    counts.request_ended(200, "answered")
    counts.ended(claim(), "failed", "job-failed", 0.1, 0)
    counts.claimed(claim())
    counts.called("api.example", "GET", 503, 0.1, "0-a-b", "")
    counts.restarted("worker", "killed")
    counts.not_provable("resize")
    for role in ("front", "worker", "supervisor"):
        for name, samples in counts.samples(role).items():
            metric = METRICS[name]
            for sample in samples:
                assert len(sample.labels) == len(metric.labels)
                assert len(sample.counts) == (len(metric.buckets) + 1 if metric.kind == "histogram" else 0)


def test_a_snapshot_comes_back_as_it_was_and_one_that_is_none_as_none() -> None:
    info = ProcessInfo("front-1", "front", "front 1", "host", 7, "1.0", 1000)
    told = Snapshot(info, {"relay_committed_total": [Sample((), 3.0)]}, 2000)
    assert snapshot.decode(snapshot.encode(told)) == told
    assert snapshot.decode(b"nothing") is None
    newer = msgspec.msgpack.encode({**msgspec.to_builtins(told), "more": 1})
    assert snapshot.decode(newer) == told


def test_bounds_rise() -> None:
    for bounds in (AGES, *(metric.buckets for metric in METRICS.values())):
        assert list(bounds) == sorted(set(bounds))


def test_what_others_send_as_a_status_makes_no_series_without_end() -> None:
    counts = Counts()
    for status in (*range(100, 600), 10**4000, -1):
        counts.called("a.example", "GET", status, 0.1, "0-a-b", "")
    seen = values(counts, "relay_upstream_requests_total")
    assert seen["a.example", OTHER] == 2
    assert len(seen) == 501


def test_all_labels_together_are_bounded() -> None:
    counts = Counts()
    for number in range(MOST_SERIES + 50):
        job = msgspec.structs.replace(JOB, name=f"job{number % 100}")
        made = msgspec.structs.replace(claim(), job=job)
        counts.ended(made, "failed", f"problem-{number // 100}", 0.1, 0)
    seen = values(counts, "relay_failures_total")
    assert len(seen) == MOST_SERIES + 1
    assert seen[OTHER, OTHER] == 50


def test_a_label_that_is_no_text_or_without_end_can_be_told() -> None:
    counts = Counts()
    counts.ended(claim(), "failed", "half\ud800" + "x" * 10_000, 0.1, 0)
    info = ProcessInfo("w", "worker", "worker 1", "host", 7, "1.0", 0)
    told = snapshot.decode(snapshot.encode(Snapshot(info, counts.samples("worker"))))
    assert told is not None
    ((_, problem),) = (sample.labels for sample in told.samples["relay_failures_total"])
    assert problem.startswith("half?xxx")
    assert len(problem) == MOST_CHARACTERS
