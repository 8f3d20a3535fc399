"""The tables of ``docs/performance.md``, written anew from the figures: each stands between two markers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def write(results: Mapping[str, Any]) -> None:
    """Replace what stands between the markers of each table."""
    text = PAGE.read_text()
    for name, table in TABLES.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = marked.sub(lambda found, table=table: found[1] + table(results) + found[2], text)
    PAGE.write_text(text)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _spread(found: Mapping[str, float]) -> str:
    return f"{found['least']:,.0f}…{found['most']:,.0f}"


def _rates(found: Mapping[str, Any], p99: Mapping[str, Any] | None) -> str:
    ours = found["relay"]["median"]
    rows = []
    for name, rates in found.items():
        ratio = "" if name == "relay" else f"{ours / rates['median']:.1f} times"
        cells = [name, f"{rates['median']:,.0f}", _spread(rates), ratio]
        rows.append([*cells, f"{p99[name]['median']:.1f}"] if p99 else cells)
    head = ["", "a second, median", "spread", "relay does"]
    return _table([*head, "p99, ms"] if p99 else head, rows)


def jobs(results: Mapping[str, Any]) -> str:
    return _rates(results["jobs"]["held"], results["jobs"]["p99"])


def queued(results: Mapping[str, Any]) -> str:
    return _rates(results["jobs"]["queued"], None)


def cpu(results: Mapping[str, Any]) -> str:
    rows = []
    for connections, used in results["cpu"].items():
        shares = [f"{used[title]:.0f}" for title in ("front", "redis", "worker")]
        rows.append([connections, f"{used['rate']:,.0f}", *shares])
    return _table(["connections", "jobs a second", "front, µs a job", "Redis", "worker"], rows)


def memory(results: Mapping[str, Any]) -> str:
    rows = [[name, f"{f['held']:.1f}", f"{f['after']:.1f}"] for name, f in results["memory"].items()]
    return _table(["", "KiB for each held connection", "KiB still there 5 s after"], rows)


def many(results: Mapping[str, Any]) -> str:
    found = results["many"]
    rows = [
        ["held at once, by six fronts", f"{found['held']:,.0f}"],
        ["answered, once a worker took their jobs", f"{found['answered']:,.0f} in {found['seconds']:.1f} s"],
        ["cut", f"{found['cut']:.0f}"],
        ["heartbeats a second", f"{found['beats_a_second']:,.0f}"],
        ["CPU of the fronts for a heartbeat, the kernel's share included", f"{found['us_a_beat']:.1f} µs"],
    ]
    return _table(["", ""], rows)


def latency(results: Mapping[str, Any]) -> str:
    found = results["latency"]
    rows = [["alone", f"{found['alone']['median']:.2f}", f"{found['alone']['p99']:.2f}"]]
    others = found["beside"]
    rows.append([f"beside {others['others']:,} held", f"{others['median']:.2f}", f"{others['p99']:.2f}"])
    return _table(["a lone held no-op job over HTTP, ms", "median", "p99"], rows)


def growth(results: Mapping[str, Any]) -> str:
    found = results["growth"]
    first = next(iter(found.values()))
    rows = [[name, f"{used:.0f}", f"{used / first - 1:+.0%}"] for name, used in found.items()]
    return _table(["beside", "µs of CPU for one job, all processes", ""], rows)


def fronts(results: Mapping[str, Any]) -> str:
    rows = []
    for name, used in results["two_fronts"].items():
        rest = used["redis"] + used["worker"]
        rows.append([name, f"{used['rate']:,.0f}", f"{used['front']:.0f}", f"{rest:.0f}"])
    return _table(["fronts", "jobs a second", "fronts, µs a job", "Redis and worker"], rows)


TABLES = {
    "jobs": jobs,
    "queued": queued,
    "cpu": cpu,
    "memory": memory,
    "many": many,
    "latency": latency,
    "growth": growth,
    "fronts": fronts,
}
