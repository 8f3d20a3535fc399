"""Whether something grows: the last quarter of a soak beside its second one, by their medians."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from tests.soak.samples import Sample

#: how much more there may be at the end, as a share of what there was, and by itself
SHARE = 0.1
ROOM = {"MiB": 8.0, "descriptors": 60.0, "keys": 400.0, "connections": 4.0, "ms": 30.0}
FAMILY_ROOM = 100


def growth(samples: Sequence[Sample]) -> list[str]:
    """What has grown, in words."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    if not early:
        return ["the soak was too short to say"]
    grown = []
    for name in early[0].figures:
        before, after = (_median([each.figures.get(name) for each in some]) for some in (early, late))
        room = ROOM[name.rpartition(", ")[2]] if ", " in name else 0.0
        if after > before * (1 + SHARE) + room:
            grown.append(f"{name}: {before:.1f} in the second quarter, {after:.1f} in the last")
    for family in sorted({name for each in late for name in each.families}):
        before, after = (_median([each.families.get(family, 0) for each in some]) for some in (early, late))
        if after > before * (1 + SHARE) + FAMILY_ROOM:
            grown.append(f"keys of {family}: {before:.0f} in the second quarter, {after:.0f} in the last")
    return grown


def table(samples: Sequence[Sample]) -> str:
    """Each figure in the four quarters, medians, as a table of Markdown."""
    quarter = max(1, len(samples) // 4)
    parts = [samples[n * quarter : (n + 1) * quarter] for n in range(4)]
    rows = ["| | first quarter | second | third | last |", "| --- | --- | --- | --- | --- |"]
    for name in samples[-1].figures:
        shown = [f"{_median([each.figures.get(name) for each in part]):,.1f}" for part in parts]
        rows.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(rows)


def _median(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(median(known)) if known else 0.0
