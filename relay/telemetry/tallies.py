"""What counts of a process are kept in: plain numbers, which cost a hundredth of what a metrics library takes."""

from __future__ import annotations

from bisect import bisect_left

MOST_VALUES = 200  # of a label that others choose
OTHER = "other"  # what further ones are counted as


class Count:
    """A number that grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0


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
    """The values that a label has had, up to `MOST_VALUES`: each stands for itself, and all others for `OTHER`."""

    def __missing__(self, value: str) -> str:
        if len(self) >= MOST_VALUES:
            return OTHER
        self[value] = value
        return value


class Counters(dict[tuple[str | int, ...], Count]):
    """Counts by their labels, made as they are asked for."""

    def __missing__(self, labels: tuple[str | int, ...]) -> Count:
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
