"""The tables of ``docs/events.md``: what was measured by `bench.events`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.report import table, write_page

WAYS = {
    "held": "a held request",
    "events": "events",
    "lines": "lines",
    "changes": "`wait=25, change`",
    "polling": "polling, every 2 s",
    "push": "a push (`then=`)",
}


def write(results: Mapping[str, Any]) -> None:
    """Replace what stands between the markers of each table."""
    write_page("events", results, TABLES)


def waiting(results: Mapping[str, Any]) -> str:
    rows = []
    for name, shown in WAYS.items():
        found = results["ways"][name]
        used = found["us"]
        rows.append(
            [
                shown,
                f"{found['requests']:.1f}",
                f"{found['bytes'] / 1000:.1f}",
                f"{found['late_ms']:,.0f}, {found['late_p99_ms']:,.0f}",
                *(f"{used[title] / 1000:.2f}" for title in ("front", "redis", "worker")),
            ]
        )
    head = ["", "requests", "kB sent and read", "told late by, ms (median, p99)"]
    return table([*head, "CPU of the front, ms", "Redis", "worker"], rows)


def telling(results: Mapping[str, Any]) -> str:
    many, each = results["one_for_all"], results["one_each"]
    rows = [
        ["pieces a second, and listeners of each", *(_heard(found) for found in (many, each))],
        ["lost, told twice", *(f"{found['untold']:,}, {found['twice']:,}" for found in (many, each))],
        *(
            [f"late by, {share}", *(f"{found['late_ms'][nth]:.0f} ms" for found in (many, each))]
            for nth, share in enumerate(("median", "p99", "p99.9", "most"))
        ),
        [
            "CPU of the fronts, for a piece and listener",
            *(f"{f['us']['front']:.1f} µs" for f in (many, each)),
        ],
        ["CPU of Redis, for a piece", *(f"{f['us']['redis']:.0f} µs" for f in (many, each))],
        ["CPU of the worker, for a piece", *(f"{f['us']['worker']:.0f} µs" for f in (many, each))],
    ]
    return table(["", "one job", f"{each['jobs']} jobs"], rows)


def _heard(found: Mapping[str, Any]) -> str:
    jobs = found.get("jobs", 1)
    return f"{jobs * found['a_second']:,.0f}, {found.get('listeners', 1):,}"


def unheard(results: Mapping[str, Any]) -> str:
    heard, alone = results["one_each"]["us"], results["one_each"]["unheard"]
    rows = [
        [name, *(f"{used[title]:.0f}" for title in ("front", "redis", "worker"))]
        for name, used in (("one listens", heard), ("nobody listens", alone))
    ]
    return table(["CPU for a piece, µs", "front", "Redis", "worker"], rows)


def parked(results: Mapping[str, Any]) -> str:
    found = results["parked"]
    rows = [[WAYS[name], f"{used / 1024:.2f} KiB"] for name, used in found.items()]
    return table(["a client that waits, for a job of its own", "memory of the front"], rows)


def machine(results: Mapping[str, Any]) -> str:
    found = results["machine"]
    return (
        f"Measured on {found['cores']} cores ({found['model']}, Linux {found['kernel'].partition('-')[0]}, Python "
        f"{found['python']}), which Redis, fronts, workers and clients share.\n"
    )


TABLES = {
    "waiting": waiting,
    "telling": telling,
    "unheard": unheard,
    "parked": parked,
    "machine": machine,
}
