"""What processes have told of the last minute, put together for `relay.operations.judging`."""

from __future__ import annotations

from collections.abc import Iterable

from relay.telemetry.rates import Labels, added, fitting, totals
from relay.telemetry.snapshot import Sample, Snapshot


class Minute:
    """The last minute of processes together; nothing where none has told of it."""

    def __init__(self, snapshots: Iterable[Snapshot] = ()) -> None:
        self.snapshots = list(snapshots)

    def totals(self, metric: str, *by: int) -> dict[Labels, float]:
        """How much was counted, by some of the labels, or by all."""
        return totals(self._samples(metric), *by)

    def means(self, metric: str) -> dict[Labels, tuple[int, float]]:
        """Of a histogram: how many there were, and how long they took on average (s), by labels."""
        return _means(self._samples(metric))

    def means_before(self, metric: str) -> dict[Labels, tuple[int, float]]:
        """The same of the time before that minute, since the processes began."""
        all_time = _means(sample for each in self.snapshots for sample in fitting(each.samples, metric))
        recent = self.means(metric)
        return {labels: _less(known, recent.get(labels, (0, 0.0))) for labels, known in all_time.items()}

    def counts(self, metric: str) -> list[int]:
        """What came into each bucket of a histogram, whatever its labels; [] for nothing."""
        found: list[int] = []
        for sample in self._samples(metric):
            found = added(found, sample.counts)
        return found

    def open_breakers(self) -> list[str]:
        """Hosts to which some process refuses calls."""
        samples = (each for one in self.snapshots for each in fitting(one.samples, "relay_breaker_open"))
        return sorted({sample.labels[0] for sample in samples if sample.value})

    def _samples(self, metric: str) -> Iterable[Sample]:
        return (sample for each in self.snapshots for sample in fitting(each.recent, metric))


def _means(samples: Iterable[Sample]) -> dict[Labels, tuple[int, float]]:
    sums: dict[Labels, tuple[int, float]] = {}
    for sample in samples:
        count, total = sums.get(sample.labels, (0, 0.0))
        sums[sample.labels] = count + sum(sample.counts), total + sample.sum
    return {labels: (count, total / count) for labels, (count, total) in sums.items() if count}


def _less(known: tuple[int, float], recent: tuple[int, float]) -> tuple[int, float]:
    count = known[0] - recent[0]
    return (count, (known[0] * known[1] - recent[0] * recent[1]) / count) if count > 0 else (0, 0.0)
