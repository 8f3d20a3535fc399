"""The tables of how a job's time is spent: what was measured by `bench.timeline`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = {"wrk": "wrk", "front": "front", "redis": "Redis", "worker": "worker"}


def _kinds(results: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What was measured of an older relay, if that was, and of this one."""
    for shown, name in (("before", "timeline_before"), ("now", "timeline")):
        if name in results:
            yield shown, results[name]


def way(results: Mapping[str, Any]) -> list[list[str]]:
    """A row for each relay: what a lone job's time is made of."""
    rows = []
    for shown, found in _kinds(results):
        taken = found["1"]["way"]
        steps = (f"{SHOWN[step['name']]} {step['waited']:.0f} + {step['ran']:.0f}" for step in taken["steps"])
        share = f"{taken['jobs']:,} of {found['1']['jobs']:,}"
        rows.append([shown, f"{taken['median_us']:.0f}", " → ".join(steps), share])
    return rows


def at_once(results: Mapping[str, Any]) -> list[list[str]]:
    """A row for each relay and number of connections: how much of the time nobody ran, one process alone, and
    several at once."""
    rows = []
    for connections in ("1", "64"):
        for shown, found in _kinds(results):
            shares = found[connections]["at_once"]
            alone = [shares.get(name, 0.0) for name in SHOWN]
            none = shares.get("", 0.0)
            cells = [none, *alone, abs(1 - none - sum(alone))]
            rows.append([connections, shown, *(f"{share:.0%}" for share in cells)])
    return rows


def processes(results: Mapping[str, Any]) -> list[list[str]]:
    """A row for each number of connections and relay: how much of the time each process ran, and waited to run."""
    rows = []
    for connections in ("1", "64"):
        for shown, found in _kinds(results):
            each = found[connections]["processes"]
            cells = (f"{each[name]['runs']:.0%} + {each[name]['waits']:.0%}" for name in SHOWN)
            rows.append([connections, shown, *cells])
    return rows
