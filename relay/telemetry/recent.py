"""What a process counted lately, so that one look tells how it is now, and not how it was since it began."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from relay.telemetry.snapshot import Sample

MINUTE = 60.0  # seconds that are looked back, and up to a step more
STEP = 15.0
#: of which it is told
METRICS_OF_RECENT = (
    "relay_attempts_total",
    "relay_failures_total",
    "relay_job_wait_seconds",
    "relay_job_run_seconds",
    "relay_requests_total",
    "relay_abandoned_age_seconds",
    "relay_limited_total",
    "relay_upstream_requests_total",
    "relay_upstream_seconds",
    "relay_stalls_total",
    "relay_job_stalls_total",
    "relay_restarts_total",
)
Samples = dict[str, list[Sample]]
_NONE = Sample()


class Recent:
    """Keeps what was counted, as it was up to a minute ago. `began`: seconds, when nothing was counted yet."""

    def __init__(self, began: float) -> None:
        self._kept: deque[tuple[float, Samples]] = deque([(began, {})])

    def since(self, now: float, samples: Samples) -> tuple[float, Samples]:
        """How many seconds the time is long that is looked back, and what was added to `samples` in it."""
        kept = self._kept
        if now - kept[-1][0] >= STEP:
            kept.append((now, dict(_counted(samples))))
        while len(kept) > 1 and now - kept[1][0] >= MINUTE:
            kept.popleft()
        then, before = kept[0]
        added = {name: [*_added(before.get(name, []), samples.get(name, []))] for name in METRICS_OF_RECENT}
        return now - then, {name: each for name, each in added.items() if each}


def _counted(samples: Samples) -> Iterator[tuple[str, list[Sample]]]:
    """What is worth being kept: what was counted at all."""
    for name in METRICS_OF_RECENT:
        some = [each for each in samples.get(name, ()) if each.value or any(each.counts)]
        if some:
            yield name, some


def _added(before: list[Sample], now: list[Sample]) -> Iterator[Sample]:
    known = {sample.labels: sample for sample in before}
    for sample in now:
        old = known.get(sample.labels, _NONE)
        if sample.counts:
            counts = [
                a - b for a, b in zip(sample.counts, old.counts or [0] * len(sample.counts), strict=True)
            ]
            if any(counts):
                yield Sample(sample.labels, 0.0, counts, sample.sum - old.sum)
        elif sample.value != old.value:
            yield Sample(sample.labels, sample.value - old.value)
