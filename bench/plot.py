"""The plots of ``docs/performance.md``; run by the environment that has matplotlib."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
COLOURS = {"wrk": "#999", "front": "#2a6", "redis": "#c33", "worker": "#36c"}


def main() -> None:
    results = json.loads((HERE / "results.json").read_text())
    rates = {name: found["median"] for name, found in results["jobs"]["held"].items() if "alone" not in name}
    sizes = {name: found["held"] for name, found in results["memory"].items()}
    figure, (left, right) = plt.subplots(2, 1, figsize=(8, 5.5))
    bars(left, rates, "held no-op jobs a second", ",.0f")
    bars(right, sizes, "KiB for each held connection", ".1f")
    figure.tight_layout()
    figure.savefig(HERE.parent / "docs" / "performance.svg", metadata={"Date": None})
    for name in ("timeline", "timeline_before"):
        if name in results:
            timeline(results[name], HERE.parent / "docs" / f"{name.replace('_', '-')}.svg")


def timeline(found: dict[str, Any], path: Path) -> None:
    """When each process ran, and, pale, when it was woken and had no processor yet."""
    figure, both = plt.subplots(2, 1, figsize=(10, 4.6))
    for axes, (connections, measured) in zip(both, found.items(), strict=True):
        one = connections == "1"
        for nth, (name, drawn) in enumerate(measured["drawn"].items()):
            axes.broken_barh(intervals(drawn["waits"]), (nth - 0.15, 0.3), facecolor="#ddd")
            axes.broken_barh(intervals(drawn["runs"]), (nth - 0.4, 0.8), facecolor=COLOURS[name])
        axes.set_yticks(
            range(len(COLOURS)), ["Redis" if name == "redis" else name for name in measured["drawn"]]
        )
        axes.invert_yaxis()
        axes.set_xlim(0, 4 if one else 20)
        axes.set_title(f"{'a lone client' if one else f'{connections} clients'}, ms", loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def intervals(text: str) -> list[tuple[float, float]]:
    """Beginnings and lengths in milliseconds, of ``begin-end begin-end …`` in µs."""
    pairs = ([float(time) / 1000 for time in each.split("-")] for each in text.split())
    return [(begin, end - begin) for begin, end in pairs]


def bars(axes: plt.Axes, values: dict[str, float], title: str, form: str) -> None:
    names = list(values)[::-1]
    drawn = axes.barh(names, [values[name] for name in names], color=["#999"] * (len(names) - 1) + ["#2a6"])
    axes.bar_label(drawn, [format(values[name], form) for name in names], padding=3)
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)


main()
