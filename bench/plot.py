"""The plot of ``docs/performance.md``; run by the environment that has matplotlib."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent


def main() -> None:
    results = json.loads((HERE / "results.json").read_text())
    rates = {name: found["median"] for name, found in results["jobs"]["held"].items() if "alone" not in name}
    sizes = {name: found["held"] for name, found in results["memory"].items()}
    figure, (left, right) = plt.subplots(2, 1, figsize=(8, 5.5))
    bars(left, rates, "held no-op jobs a second", ",.0f")
    bars(right, sizes, "KiB for each held connection", ".1f")
    figure.tight_layout()
    figure.savefig(HERE.parent / "docs" / "performance.svg", metadata={"Date": None})


def bars(axes: plt.Axes, values: dict[str, float], title: str, form: str) -> None:
    names = list(values)[::-1]
    drawn = axes.barh(names, [values[name] for name in names], color=["#999"] * (len(names) - 1) + ["#2a6"])
    axes.bar_label(drawn, [format(values[name], form) for name in names], padding=3)
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)


main()
