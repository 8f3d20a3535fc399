"""What counts of a process are kept in: plain numbers, which cost a hundredth of what a metrics library takes."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

from relay.model.text import encodable

MOST_VALUES = 200  # of a label that others choose
MOST_SERIES = 2000  # of a metric, by all its labels together
MOST_CHARACTERS = 200  # of a label that others choose
OTHER = "other"  # what further ones are counted as


class Count:
    """A number that grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Spread:
    """How often something took so long: a histogram."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """It took so long once more."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Values(dict[str, str]):
    """The values that a label has had, up to `MOST_VALUES`: each stands for itself, as far as it can be shown, and all
    others for `OTHER`."""

    def __missing__(self, value: str) -> str:
        if len(self) >= MOST_VALUES:
            return OTHER
        self[value] = shown = encodable(value[:MOST_CHARACTERS])
        return shown


class Counters(dict[tuple[str | int, ...], Count]):
    """Counts by their labels, made as they are asked for, up to `MOST_SERIES`, and one for all others."""

    def __missing__(self, labels: tuple[str | int, ...]) -> Count:
        others = (OTHER,) * len(labels)
        if len(self) >= MOST_SERIES and labels != others:
            return self[others]
        self[labels] = made = Count()
        return made


class Spreads(dict[str, Spread]):
    """Histograms by their only label, made as they are asked for."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        super().__init__()
        self._bounds = bounds

    def __missing__(self, label: str) -> Spread:
        self[label] = made = Spread(self._bounds)
        return made


class NameTallies:
    """What is counted of the attempts at jobs of one name: how long they waited and ran, and how they ended."""

    __slots__ = ("ends", "runs", "waits")

    def __init__(self, waits: tuple[float, ...], runs: tuple[float, ...]) -> None:
        self.waits = Spread(waits)
        self.runs = Spread(runs)
        self.ends: dict[str, int] = defaultdict(int)


class AttemptNames(dict[str, NameTallies]):
    """These by name, up to `MOST_VALUES`, and one for all others."""

    def __init__(self, waits: tuple[float, ...], runs: tuple[float, ...]) -> None:
        super().__init__()
        self._bounds = waits, runs

    def __missing__(self, name: str) -> NameTallies:
        if len(self) >= MOST_VALUES and name != OTHER:
            return self[OTHER]
        self[name] = made = NameTallies(*self._bounds)
        return made
