"""What processes did between two looks at what they counted: so much in a second, and how long things took.

Each process tells of itself in its own time, so each is compared with what it told before; one that has told nothing
new counts as it did then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from relay.telemetry.metrics import METRICS
from relay.telemetry.snapshot import Sample, Snapshot

Labels = tuple[str, ...]
Samples = Mapping[str, list[Sample]]  # by metric
Rates = dict[str, dict[Labels, float]]
Counts = dict[str, dict[Labels, list[int]]]


class Change:
    """Of one process: what it counts in a second, by metric and labels, and what came into each bucket."""

    def __init__(self, before: Snapshot | None, now: Snapshot) -> None:
        self.rates: Rates = {}
        self.counts: Counts = {}
        began = before.time if before is not None else now.info.began
        seconds = max((now.time - began) / 1000, 0.001)
        for name in now.samples:
            metric = METRICS.get(name)
            if metric is None or metric.kind == "gauge":
                continue
            samples = fitting(now.samples, name)
            known = (
                {each.labels: each for each in fitting(before.samples, name)} if before is not None else {}
            )
            if metric.kind == "counter":
                self.rates[name] = {
                    each.labels: max(each.value - known.get(each.labels, NONE).value, 0) / seconds
                    for each in samples
                }
            else:
                self.counts[name] = {
                    each.labels: _difference(each.counts, known.get(each.labels, NONE).counts)
                    for each in samples
                }


NONE = Sample()


def fitting(told: Samples, metric: str) -> list[Sample]:
    """What a process tells of a metric, less what this version can't read."""
    return [each for each in told.get(metric, ()) if METRICS[metric].fits(each)]


def totals(samples: Iterable[Sample], *by: int) -> dict[Labels, float]:
    """How much was counted, by some of the labels, or by all."""
    total: dict[Labels, float] = defaultdict(float)
    for each in samples:
        total[tuple(each.labels[index] for index in by) if by else each.labels] += each.value
    return total


class Compared:
    """Compares snapshots with those of the look before."""

    def __init__(self) -> None:
        self._last: dict[str, Snapshot] = {}
        self._changes: dict[str, Change] = {}
        self._looked = 0  # when, ms

    def look(self, snapshots: Iterable[Snapshot], time: int) -> None:
        """These are all processes that there are, at a time in ms. One that was there before the first look is counted
        from then on."""
        present = {each.info.name: each for each in snapshots}
        changes = {}
        for name, each in present.items():
            before = self._last.get(name)
            if before is not None and before.time == each.time and name in self._changes:
                changes[name] = self._changes[name]
            elif before is not None or (self._looked and each.age <= time - self._looked):
                changes[name] = Change(before, each)
        self._last, self._changes, self._looked = present, changes, time

    @property
    def processes(self) -> int:
        """How many processes were compared with what they told before."""
        return len(self._changes)

    def rates(self, metric: str) -> dict[Labels, float]:
        """In a second, by labels, of all processes together."""
        total: dict[Labels, float] = defaultdict(float)
        for change in self._changes.values():
            for labels, rate in change.rates.get(metric, {}).items():
                total[labels] += rate
        return total

    def counts(self, metric: str) -> dict[Labels, list[int]]:
        """What came into each bucket, by labels, of all processes together."""
        total: dict[Labels, list[int]] = {}
        for change in self._changes.values():
            for labels, counts in change.counts.get(metric, {}).items():
                total[labels] = added(total.get(labels, []), counts)
        return total

    def gauges(self, metric: str) -> dict[Labels, list[float]]:
        """What each process shows now, or counted so far, by labels."""
        shown: dict[Labels, list[float]] = defaultdict(list)
        for snapshot in self._last.values():
            for each in fitting(snapshot.samples, metric):
                shown[each.labels].append(each.value)
        return shown


def added(some: list[int], more: list[int]) -> list[int]:
    """Two histograms together; one may be empty."""
    return [a + b for a, b in zip(some, more, strict=True)] if some and more else some or more


def _difference(now: list[int], before: list[int]) -> list[int]:
    return [max(a - b, 0) for a, b in zip(now, before, strict=True)] if before else now
