"""All metrics that a process counts, by their names: what they mean, and what they are told apart by.

`relay.telemetry.counts` counts them, `relay.telemetry.snapshot.Snapshot` carries them, ``docs/metrics.md`` lists them.
Durations are seconds, sizes bytes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from relay.telemetry.snapshot import Sample

Kind = Literal["counter", "gauge", "histogram"]

#: bounds (seconds) of what takes milliseconds when all is well: answers of Redis, of APIs, of relay itself
QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: the same of what takes as long as jobs do
LONG = (
    0.001,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    900.0,
    3600.0,
)
#: of a reactor that comes to its timers late
LATE = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
#: ages at which clients go away; what cuts connections does so at whole seconds, which are no bounds here
LEFT = (
    *(
        0.5,
        1.5,
        2.5,
        3.5,
        4.5,
        5.5,
        6.5,
        7.5,
        9.0,
        11.0,
        14.0,
        16.0,
        19.0,
        22.0,
        28.0,
        33.0,
        40.0,
        48.0,
        58.0,
        63.0,
    ),
    *(70.0, 80.0, 95.0, 110.0, 125.0, 150.0, 190.0, 250.0, 290.0, 320.0, 580.0, 640.0),
)
#: ages (seconds) above which held requests are counted
AGES = (1, 5, 10, 30, 60, 120, 300, 600)


class Metric(NamedTuple):
    """One of them. `buckets`: the upper bounds of a histogram, the last of which, infinity, is left out."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def fits(self, sample: Sample) -> bool:
        """Whether a sample has the labels and the buckets of this metric: a process of another version of relay may
        tell it with others."""
        counted = len(self.buckets) + 1 if self.kind == "histogram" else 0
        return len(sample.labels) == len(self.labels) and len(sample.counts) == counted


def _counter(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, "counter", help, labels)


def _gauge(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, "gauge", help, labels)


def _times(name: str, buckets: tuple[float, ...], help: str, *labels: str) -> Metric:
    return Metric(name, "histogram", help, labels, buckets)


FRONTS = (
    _gauge("relay_held_requests", "Requests that this front holds"),
    _gauge("relay_held_requests_limit", "Requests that this front holds at most (--max-held)"),
    _gauge("relay_held_request_oldest_seconds", "Age of the request that is held for longest"),
    _gauge("relay_held_requests_older", "Held requests that are older than so many seconds", "seconds"),
    _counter("relay_committed_total", "Held requests that were answered with 200 and heartbeats"),
    _counter("relay_heartbeats_total", "Heartbeats that were sent, beside the first, with the 200"),
    _counter(
        "relay_requests_total", "Requests that are over, by status (0: nothing sent) and how", "status", "end"
    ),
    _counter("relay_abandoned_total", "Requests whose clients went away before their answer"),
    _times("relay_abandoned_age_seconds", LEFT, "Time for which requests were held whose clients went away"),
    _counter(
        "relay_submissions_total",
        "Accepted submissions, by job and whether they made a new one",
        "name",
        "new",
    ),
    _times(
        "relay_outcome_written_seconds",
        LONG,
        "Time from a job's end until its answer was given to a held client",
    ),
    _counter(
        "relay_limited_total",
        "Requests that a limit of their caller refused, or did not let be held",
        "caller",
        "limit",
    ),
)
WORKERS = (
    _gauge("relay_running_jobs", "Jobs that this worker runs"),
    _gauge("relay_job_places", "Jobs that this worker runs at once at most (--concurrency)"),
    _gauge("relay_worker_quiet", "Whether this worker was told to claim nothing more (1)"),
    _times("relay_job_wait_seconds", LONG, "Time from a job's submission to its start, by job", "name"),
    _times("relay_job_run_seconds", LONG, "Time that an attempt took, by job", "name"),
    _counter("relay_attempts_total", "Attempts that have ended, by job and how", "name", "how"),
    _counter("relay_failures_total", "Attempts that failed, by job and problem", "name", "problem"),
    _counter(
        "relay_upstream_requests_total",
        "Requests to APIs, by host and status (0: no answer)",
        "host",
        "status",
    ),
    _times("relay_upstream_seconds", QUICK, "Time until an API answered, by host", "host"),
    _gauge(
        "relay_upstream_open",
        "Requests to APIs whose answers have not ended, by host",
        "host",
    ),
    _gauge("relay_upstream_oldest_seconds", "Age of the oldest of these that has no answer yet", "host"),
    _gauge("relay_breaker_open", "Whether calls to a host are refused because it kept failing (1)", "host"),
    _counter("relay_stalls_total", "Times that a handler blocked this worker for a second"),
    _counter("relay_job_stalls_total", "The same by job, where it is known which one", "name"),
)
PROCESSES = (
    _gauge("relay_process_info", "1, with what is known of the process", "title", "host", "pid", "version"),
    _gauge("relay_process_start_time_seconds", "When the process began, in seconds since the epoch"),
    _gauge("relay_process_memory_bytes", "Memory that is resident"),
    _gauge("relay_process_open_descriptors", "File descriptors that are open"),
    _gauge("relay_process_descriptors_limit", "File descriptors that the process may have (ulimit -n)"),
    _counter("relay_process_cpu_seconds_total", "CPU time that was used"),
    _times(
        "relay_redis_script_seconds",
        QUICK,
        "Time until Redis answered a script or a command, by verb",
        "verb",
    ),
    _counter("relay_store_away_total", "Verbs that Redis did not answer in time, or refused"),
    _counter(
        "relay_not_provable_total",
        "Times that a durable job was not taken, because nothing can prove that it is kept, by job",
        "name",
    ),
    _counter("relay_redis_connections_lost_total", "Connections to Redis that broke"),
    _times("relay_reactor_lag_seconds", LATE, "How much later than due the reactor came to a timer"),
    _gauge("relay_reactor_lag_max_seconds", "The longest of these in the last minute"),
    _counter(
        "relay_restarts_total",
        "Processes that have ended or were replaced and have a successor, by their role and how",
        "of",
        "how",
    ),
    _counter("relay_work_calls_total", "Calls of recurring work", "work"),
    _counter("relay_work_failures_total", "Calls of recurring work that failed", "work"),
    _gauge("relay_work_longest_seconds", "The longest call of a recurring work", "work"),
)
STORE = (
    _gauge("relay_store_up", "Whether the store answers (1)"),
    _gauge(
        "relay_partition_up", "Whether a partition of the store answers (1), if it has several", "partition"
    ),
    _gauge("relay_partition_jobs", "Live jobs of a partition", "partition"),
    _gauge("relay_partition_bytes", "Size of the live jobs of a partition", "partition"),
    _gauge("relay_store_latency_seconds", "Time until Redis answered just now"),
    _gauge("relay_queue_jobs", "Jobs that wait in a queue", "queue"),
    _gauge("relay_queue_oldest_seconds", "For how long the first job of a queue has been waiting", "queue"),
    _gauge("relay_queue_running", "Jobs of a queue that run", "queue"),
    _gauge("relay_queue_scheduled", "Jobs of a queue whose time has not come", "queue"),
    _gauge("relay_queue_paused", "Whether a queue is paused (1)", "queue"),
    _gauge("relay_name_jobs", "Jobs of a name that wait", "name"),
    _gauge("relay_name_oldest_seconds", "For how long the first job of a name has been waiting", "name"),
    _gauge("relay_name_served", "Whether a worker serves a name (1)", "name"),
    _gauge("relay_name_paused", "Whether a name, or its queue, is paused (1)", "name"),
    _gauge("relay_name_limited", "Jobs of a name that wait behind a limit", "name"),
    _gauge("relay_jobs", "All live jobs, by state", "state"),
    _gauge("relay_jobs_limit", "Live jobs that there may be (--queue-limit)"),
    _gauge("relay_jobs_bytes", "Size of all live jobs"),
    _gauge("relay_jobs_bytes_limit", "Size that all live jobs may have (--queue-bytes)"),
    _gauge(
        "relay_untold_jobs", "Durable jobs that have ended, of which nobody is told before that is proved"
    ),
    _gauge("relay_untold_oldest_seconds", "For how long the first of these ends has waited for its proof"),
    _gauge("relay_dead_jobs", "Dead jobs that are kept"),
    _gauge("relay_processes", "Processes that have told of themselves lately", "role"),
    _gauge("relay_redis_info", "1, with what is known of Redis", "version", "role", "policy", "persistence"),
    _gauge("relay_redis_memory_bytes", "Memory that Redis uses"),
    _gauge("relay_redis_memory_limit_bytes", "Memory that Redis may use (maxmemory), 0 for no limit"),
    _gauge("relay_redis_clients", "Connections to Redis"),
    _gauge("relay_redis_commands_per_second", "Commands that Redis ran in a second, lately"),
    _gauge("relay_redis_replicas", "Replicas of Redis that are connected"),
    _gauge("relay_redis_uptime_seconds", "Time since Redis began"),
)
#: what a process tells of itself
OF_PROCESSES: dict[str, Metric] = {metric.name: metric for metric in (*FRONTS, *WORKERS, *PROCESSES)}
#: what the store tells
OF_STORE: dict[str, Metric] = {metric.name: metric for metric in STORE}
METRICS: dict[str, Metric] = {**OF_PROCESSES, **OF_STORE}
