"""The figures of a soak as a picture: ``python -m tests.soak.picture FILE SVG``, where matplotlib is. The file has
samples as JSON lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

_KINDS = (
    ("MiB", "memory, MiB"),
    ("descriptors", "descriptors"),
    ("keys", "keys in Redis"),
    ("ms", "latency, ms"),
)


def main(samples: Path, picture: Path) -> None:
    """One row for each kind of figure, over the hours."""
    read = [json.loads(line) for line in samples.read_text().splitlines()]
    figure, rows = plt.subplots(len(_KINDS), 1, figsize=(9, 10), sharex=True)
    for axes, (kind, title) in zip(rows, _KINDS, strict=True):
        for name in read[-1]["figures"]:
            if name.endswith(f", {kind}"):
                points = [(each["seconds"] / 3600, each["figures"].get(name)) for each in read]
                axes.plot(*zip(*points, strict=True), label=name.removesuffix(f", {kind}"), linewidth=1)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=8, loc="lower right", frameon=False)
    rows[-1].set_xlabel("hours")
    figure.tight_layout()
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
