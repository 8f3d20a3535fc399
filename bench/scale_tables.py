"""The tables of ``docs/scale.md``: what was measured, and what the model says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.report import DOCS, table
from bench.scale import IN_FLIGHT, ON_ONE, ON_TWO, RESULTS
from bench.scale_model import (
    BEAT,
    HEARTBEAT,
    SOCKET,
    Measured,
    Plan,
    Target,
    checks,
    measured,
    plan,
    simulated,
)

PAGE = DOCS / "scale.md"
TARGETS = [
    Target(10_000, 1),
    Target(100_000, 0.1),
    Target(100_000, 10),
    Target(100_000, 100),
    Target(10_000, 1000),
]
#: fronts and workers, and masters, for 25,000 jobs a second
MORE = ((25, 25), (100, 100), (500, 500))
MASTERS = (16, 64)


def write() -> None:
    """Replace what stands between the markers of each table."""
    text = PAGE.read_text()
    for name, made in TABLES.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = marked.sub(lambda found, made=made: found[1] + made(measured()) + found[2], text)
    PAGE.write_text(text)


# -- what was measured --


def one_server(known: Measured) -> str:
    rows = [
        [f"{layout.partitions}", f"{layout.fronts}", *_cells(known, f"{layout}", n)]
        for layout in ON_ONE
        for n in IN_FLIGHT
    ]
    return table(["partitions", "fronts", *_HEAD], rows)


def two_servers(known: Measured) -> str:
    rows = [
        [f"{layout.partitions}", f"{layout.fronts}", f"{layout.workers}", *_cells(known, f"{layout}", n)]
        for layout in ON_TWO
        for n in IN_FLIGHT
    ]
    return table(["partitions", "fronts", "workers", *_HEAD], rows)


_HEAD = ["in flight", "commands", "Redis, µs", "fronts, µs", "workers, µs", "bytes"]


def _cells(known: Measured, layout: str, in_flight: int) -> Iterator[str]:
    point = known.points[f"{layout}, {in_flight} in flight"]
    yield f"{in_flight}"
    yield f"{sum(point['commands'].values()):.2f}"
    yield from (f"{point['cpu'][kind]:,.0f}" for kind in ("redis", "front", "worker"))
    yield f"{point['bytes']:,.0f}"


def sizes(known: Measured) -> str:
    memory = known.memory
    rows = [
        ["job that waits, in Redis", f"{memory['live']:,.0f} bytes"],
        ["outcome that is kept, in Redis", f"{memory['kept']:,.0f} bytes"],
        ["held request, in its front", f"{memory['held']:,.0f} bytes"],
        ["job that runs, in its worker", f"{memory['running']:,.0f} bytes"],
        [
            "front, worker, with nothing to do",
            f"{memory['front'] / 2**20:.0f}, {memory['worker'] / 2**20:.0f} MiB",
        ],
        ["heartbeat, in its front", f"{memory['beat']:.1f} µs"],
        ["front or worker that has nothing to do, in Redis", f"{known.idle:,.0f} µs a second"],
    ]
    return table(["one", "takes"], rows)


def fits(known: Measured) -> str:
    costs = known.costs
    rows = [
        ["Redis", f"{costs.redis_command:.0f}", f"{costs.redis_job:.0f}"],
        ["front", f"{costs.front_command:.0f}", f"{costs.front_job:.0f}"],
        ["worker", f"{costs.worker_command:.0f}", f"{costs.worker_job:.0f}"],
    ]
    return table(["µs", "for a command", "for a job"], rows)


# -- what the model says --


def checked(known: Measured) -> str:
    rows = []
    for name, found, said in checks(known):
        for figure, value in found.items():
            shown = "commands" if figure == "commands" else f"{figure}, µs"
            digits = 2 if figure == "commands" else 0
            off = f"{100 * (said[figure] / value - 1):+.0f} %"
            rows.append([name, shown, f"{value:,.{digits}f}", f"{said[figure]:,.{digits}f}", off])
            name = ""
    return table(["", "for a job", "measured", "model", "off"], rows)


def plans(known: Measured) -> str:
    return told_plans(TARGETS, known)


def told_plans(targets: Sequence[Target], known: Measured) -> str:
    """A column for each target."""
    columns = [[*_told(plan(target, known), known)] for target in targets]
    rows = [[name, *(column[nth][1] for column in columns)] for nth, (name, _) in enumerate(columns[0])]
    return table(["jobs a second", *(f"{target.rate:,.0f}" for target in targets)], rows)


def _told(made: Plan, known: Measured) -> Iterator[tuple[str, str]]:
    memory, live = known.memory, made.target.held * made.stores
    stores, rate = made.stores, made.target.rate * made.stores
    yield "seconds that each takes", f"{made.target.seconds:g}"
    yield "held at once", f"{live:,.0f}"
    yield "stores (`--store-name`)", f"{stores}"
    yield "fronts", f"{stores * made.fronts:,}"
    yield "workers", f"{stores * made.workers:,}"
    yield "masters, with a partition each", f"{stores * made.partitions:,}"
    yield "share of a master's core", f"{100 * made.busy:.0f} %"
    yield "commands for a job", f"{sum(made.a_job.commands.values()):.1f}"
    yield "Redis for a job, µs", f"{made.a_job.cpu['redis']:.0f}"
    yield "network of all masters", _bits(stores * made.network)
    yield "network for heartbeats", _bits(live / HEARTBEAT * BEAT)
    yield (
        "memory of all masters, outcomes kept 60 s",
        _bytes(live * memory["live"] + rate * made.target.keep * memory["kept"]),
    )
    yield "… kept for an hour", _bytes(live * memory["live"] + rate * 3600 * memory["kept"])
    yield (
        "memory of fronts, their sockets included",
        _bytes(stores * made.fronts * memory["front"] + live * (memory["held"] + SOCKET)),
    )
    yield "memory of workers", _bytes(stores * made.workers * memory["worker"] + live * memory["running"])
    yield "connections to a master", f"{2 * (made.fronts + made.workers):,}"
    name, share = max(made.limits().items(), key=lambda each: each[1])
    yield "next limit", f"{name}: {100 * share:.0f} %"


def more_processes(known: Measured) -> str:
    target, costs = Target(25_000, 0.1), known.costs
    rows = []
    for fronts, workers in MORE:
        for partitions in MASTERS:
            found = simulated(target, fronts, workers, partitions, costs)
            told = [
                f"{sum(found.commands.values()):.1f}",
                f"{found.cpu['redis']:.0f}",
                f"{100 * found.busiest:.0f} %",
            ]
            told = told if found.keeps_up else ["", "", "more than there is"]
            rows.append([f"{fronts:,}", f"{workers:,}", f"{partitions}", *told])
    return table(["fronts", "workers", "masters", "commands", "Redis, µs", "of a master's core"], rows)


def _bits(bytes: float) -> str:
    megabits = bytes * 8 / 1e6
    return f"{megabits / 1000:.1f} Gbit/s" if megabits >= 1000 else f"{megabits:.1f} Mbit/s"


def _bytes(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB"


def where(known: Measured) -> str:
    """The machine, as a list."""
    found: dict[str, Any] = json.loads(RESULTS.read_text())["machine"]
    return (
        f"- {found['cores']} cores ({found['model']}), Linux {found['kernel']}, Python {found['python']}\n"
        f"- {found['server']}, append-only file on\n"
        f"- medians of {found['rounds']} rounds\n"
    )


TABLES: dict[str, Callable[[Measured], str]] = {
    "one_server": one_server,
    "two_servers": two_servers,
    "sizes": sizes,
    "fits": fits,
    "checked": checked,
    "plans": plans,
    "more_processes": more_processes,
    "where": where,
}
