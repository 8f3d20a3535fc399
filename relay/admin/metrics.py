"""What Prometheus reads: the metrics that processes told, and those of the store, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import exposition as formats
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from relay.operations.seen import Overview
from relay.telemetry.metrics import OF_PROCESSES, OF_STORE, Metric
from relay.telemetry.snapshot import Sample, Snapshot

_OF_PROCESS = ("process", "role")  # the labels of whatever a process tells


class Form(NamedTuple):
    """A format of metrics, and its Content-Type."""

    encode: Callable[[Collector], bytes]
    kind: str


def form_of(accept: str) -> Form:
    """OpenMetrics if that is accepted, else Prometheus' own."""
    return Form(*formats.choose_encoder(accept))


def exposition(snapshots: Iterable[Snapshot], overview: Overview | None, form: Form) -> bytes:
    """The metrics of these processes and of the store, which is away where `overview` is None. It uses nothing else, so
    that any thread may call it."""
    return form.encode(_Told(list(snapshots), overview))


class _Told(Collector):
    """Stands for a registry, which is asked once."""

    def __init__(self, snapshots: Sequence[Snapshot], overview: Overview | None) -> None:
        self._snapshots = snapshots
        self._overview = overview

    def collect(self) -> Iterator[Family]:
        for name, metric in OF_PROCESSES.items():
            told = [(each, each.samples[name]) for each in self._snapshots if name in each.samples]
            if told:
                yield _of_processes(metric, told)
        of_store = _of_store(self._overview) if self._overview is not None else {"relay_store_up": [Sample()]}
        for name, samples in of_store.items():
            yield _family(OF_STORE[name], (), [((), sample) for sample in samples])


def _of_processes(metric: Metric, told: Iterable[tuple[Snapshot, list[Sample]]]) -> Family:
    return _family(
        metric,
        _OF_PROCESS,
        [((each.info.name, each.info.role), sample) for each, samples in told for sample in samples],
    )


def _family(
    metric: Metric, more: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], Sample]]
) -> Family:
    labels = (*more, *metric.labels)
    fitting = [((*own, *sample.labels), sample) for own, sample in samples if metric.fits(sample)]
    if metric.kind == "histogram":
        return _histogram(metric, labels, fitting)
    made = (CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily)(
        metric.name, metric.help, labels=labels
    )
    for values, sample in fitting:
        made.add_metric(values, sample.value)
    return made


def _histogram(
    metric: Metric, labels: Sequence[str], samples: Iterable[tuple[tuple[str, ...], Sample]]
) -> Family:
    made = HistogramMetricFamily(metric.name, metric.help, labels=labels)
    bounds = [*map(str, metric.buckets), "+Inf"]
    for values, sample in samples:
        buckets = list(zip(bounds, map(float, accumulate(sample.counts)), strict=True))
        made.add_metric(values, buckets, sample.sum)
    return made


# -- the store --


def _of_store(now: Overview) -> dict[str, list[Sample]]:
    return {**_of_all(now), **_of_partitions(now), **_of_queues(now), **_of_names(now), **_of_redis(now)}


def _of_all(now: Overview) -> dict[str, list[Sample]]:
    states = {"queued": now.queued, "running": now.running, "scheduled": now.scheduled}
    roles = sorted({each.role for each in now.processes} | {"front", "worker"})
    return {
        "relay_store_up": [Sample((), float(now.store.reached))],
        "relay_jobs": [Sample((state,), float(count)) for state, count in states.items()],
        "relay_jobs_limit": [Sample((), float(now.most_jobs))],
        "relay_jobs_bytes": [Sample((), float(now.bytes))],
        "relay_jobs_bytes_limit": [Sample((), float(now.most_bytes))],
        "relay_untold_jobs": [Sample((), float(now.untold))],
        "relay_untold_oldest_seconds": [Sample((), _age(now, now.oldest_untold))],
        "relay_dead_jobs": [Sample((), float(now.dead))],
        "relay_processes": [
            Sample((role,), float(sum(each.role == role for each in now.processes))) for role in roles
        ],
    }


def _of_partitions(now: Overview) -> dict[str, list[Sample]]:
    known = [each for each in now.partitions if each.reached]
    jobs = {each.number: each.queued + each.running + each.scheduled for each in known}
    return {
        "relay_partition_up": [Sample((str(each.number),), float(each.reached)) for each in now.partitions],
        "relay_partition_jobs": [Sample((str(number),), float(count)) for number, count in jobs.items()],
        "relay_partition_bytes": [Sample((str(each.number),), float(each.bytes)) for each in known],
    }


def _of_queues(now: Overview) -> dict[str, list[Sample]]:
    return {
        "relay_queue_jobs": [Sample((each.queue,), float(each.waiting)) for each in now.queues],
        "relay_queue_oldest_seconds": [Sample((each.queue,), _age(now, each.oldest)) for each in now.queues],
        "relay_queue_running": [Sample((each.queue,), float(each.running)) for each in now.queues],
        "relay_queue_scheduled": [Sample((each.queue,), float(each.scheduled)) for each in now.queues],
        "relay_queue_paused": [Sample((each.queue,), float(each.paused > 0)) for each in now.queues],
    }


def _of_names(now: Overview) -> dict[str, list[Sample]]:
    return {
        "relay_name_jobs": [Sample((each.name,), float(each.waiting)) for each in now.names],
        "relay_name_oldest_seconds": [Sample((each.name,), _age(now, each.oldest)) for each in now.names],
        "relay_name_served": [Sample((each.name,), float(each.served)) for each in now.names],
        "relay_name_paused": [Sample((each.name,), float(each.paused > 0)) for each in now.names],
        "relay_name_limited": [Sample((each.name,), float(each.limited)) for each in now.names],
    }


def _of_redis(now: Overview) -> dict[str, list[Sample]]:
    store = now.store
    about = store.version, store.role, store.policy, store.persistence
    numbers = {
        "relay_store_latency_seconds": store.latency,
        "relay_redis_memory_bytes": store.memory,
        "relay_redis_memory_limit_bytes": store.most_memory,
        "relay_redis_clients": store.clients,
        "relay_redis_commands_per_second": store.commands,
        "relay_redis_replicas": store.replicas,
        "relay_redis_uptime_seconds": store.uptime,
    }
    return {
        "relay_redis_info": [Sample(about, 1.0)],
        **{name: [Sample((), float(value))] for name, value in numbers.items()},
    }


def _age(now: Overview, since: int) -> float:
    return max(0.0, (now.time - since) / 1000) if since else 0.0
