"""How a job's time is spent: when the front, Redis, the worker and the load generator run on a processor.

A lone client's job is followed back from its answer: who woke whom, and when. What came before each step is either a
process at work, or a process that was woken and had no processor yet; so the steps add up to the whole of its time.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench import tracing
from bench.load import load
from bench.measures import MEASURED, WARM, running
from bench.processes import Group, threads
from bench.systems import HERE, System, relay
from bench.tracing import Stay, Trace

RECORDED = 1.0  # seconds
DRAWN = {1: 4_000, 64: 20_000}  # µs, by connections
LOAD = "wrk"
NAMES = (LOAD, "front", "redis", "worker")
_MOST_STEPS = 60

Interval = tuple[float, float]
Job = tuple[Stay, Stay]  # of the load generator: the one that sends the request, the one that has the answer


def measure(tree: Path = HERE.parent) -> dict[str, Any] | None:
    """The relay of a checkout, by connections; None if this machine can't tell."""
    if reason := tracing.why_not():
        sys.stderr.write(f"timeline is left out: {reason}\n")
        return None
    system = System("relay", relay(tree=tree), "/jobs/echo")
    return {str(connections): _measured(system, connections) for connections in DRAWN}


def _measured(system: System, connections: int) -> dict[str, Any]:
    with running(system) as (group, url):
        load(url + system.hold, WARM, connections)
        untraced = load(url + system.hold, MEASURED, connections)
        with ThreadPoolExecutor(1) as other:
            recorded = other.submit(_record, group)
            load(url + system.hold, 3 + RECORDED, connections)
            trace = recorded.result()
    found = {"rate": untraced.rate, "median_us": untraced.median * 1000, **_shares(trace)}
    begin = trace.begin
    if connections == 1:
        jobs = list(pairwise(trace.stays[LOAD]))
        found["jobs"] = len(jobs)
        if taken := usual(trace, jobs):
            found["way"] = taken
        begin = _typical(jobs)
    return {**found, "drawn": _drawn(trace, begin, DRAWN[connections])}


def _record(group: Group) -> Trace:
    time.sleep(1)  # the load has begun
    names = {pid: title for title, pid in group.pids_by_title("relay").items()}
    names |= dict.fromkeys(threads(os.getpid(), LOAD), LOAD)
    return tracing.read(tracing.record(RECORDED), names)


# -- shares of the time --


def _shares(trace: Trace) -> dict[str, Any]:
    seconds = (trace.end - trace.begin) / 1e6
    by_name = {}
    for name in NAMES:
        stays = trace.stays[name]
        by_name[name] = {
            "runs": _sum((stay.begin, stay.end) for stay in stays) / seconds / 1e6,
            "waits": _sum(_waits(stays)) / seconds / 1e6,
            "stays_a_second": len(stays) / seconds,
        }
    return {"at_once": at_once(trace), "processes": by_name}


def at_once(trace: Trace) -> dict[str, float]:
    """The share of the time in which just these processes ran, such as ``front redis``, or nobody (``""``)."""
    changes = [(trace.begin, 0, ""), (trace.end, 0, "")]
    for stay in (stay for stays in trace.stays.values() for stay in stays):
        changes += [(stay.begin, 1, stay.name), (stay.end, -1, stay.name)]
    lasted: Counter[str] = Counter()
    at_work: Counter[str] = Counter()
    for (begin, change, name), (end, _, _) in pairwise(sorted(changes)):
        at_work[name] += change
        lasted[" ".join(each for each in NAMES if at_work[each])] += end - begin
    return {names: lasted[names] / (trace.end - trace.begin) for names in sorted(lasted)}


def _waits(stays: list[Stay]) -> Iterator[Interval]:
    """When a process could have run, and had no processor."""
    before = None
    for stay in stays:
        if stay.woken is not None:
            yield stay.woken, stay.begin
        elif before is not None:
            yield before.end, stay.begin
        before = stay


def _sum(intervals: Iterable[Interval]) -> float:
    return sum(end - begin for begin, end in intervals)


# -- the way of a lone job --


@dataclass
class Step:
    """A process at work, before the next one; `waited` is what it had to wait for a processor. Both µs."""

    name: str
    waited: float = 0.0
    ran: float = 0.0


def way(trace: Trace, first: Stay, last: Stay) -> list[Step]:
    """The steps from the stay that has sent a request to the stay that was woken by its answer.

    There are none if somebody else has woken a process on the way, such as a timer, or if a process was awake already
    when its turn came: then nobody had to wake it, and what was before it can't be told.
    """
    steps: list[Step] = []
    stay, until = last, last.begin
    for _ in range(_MOST_STEPS):
        _before(steps, stay.name).ran += until - max(stay.begin, first.end)
        if stay.begin <= first.end:
            break
        previous = trace.at(stay.waker, stay.woken) if stay.woken is not None else trace.before(stay)
        if previous is None:
            return []
        until = previous.end if stay.woken is None else stay.woken
        _before(steps, stay.name).waited += stay.begin - max(until, first.end)
        if until <= first.end:
            break
        stay = previous
    else:
        return []
    if steps[-1].name != "front":  # which alone hears the request
        return []
    _before(steps, LOAD).ran += first.end - first.begin
    return steps[::-1]


def _before(steps: list[Step], name: str) -> Step:
    if not steps or steps[-1].name != name:
        steps.append(Step(name))
    return steps[-1]


def usual(trace: Trace, jobs: list[Job]) -> dict[str, Any]:
    """The way that most of those took that can be followed, with medians of its steps; empty if none can be."""
    orders: dict[tuple[str, ...], list[tuple[float, list[Step]]]] = {}
    for first, last in jobs:
        if steps := way(trace, first, last):
            found = orders.setdefault(tuple(step.name for step in steps), [])
            found.append((last.begin - first.begin, steps))
    if not orders:
        return {}
    order, alike = max(orders.items(), key=lambda each: len(each[1]))
    medians = [
        {
            "name": name,
            "waited": statistics.median(steps[nth].waited for _, steps in alike),
            "ran": statistics.median(steps[nth].ran for _, steps in alike),
        }
        for nth, name in enumerate(order)
    ]
    return {
        "jobs": len(alike),
        "median_us": statistics.median(took for took, _ in alike),
        "steps": medians,
    }


# -- what is drawn --


def _typical(jobs: list[Job], count: int = 4) -> float:
    """Where so many jobs begin that took as long as most do."""
    if len(jobs) < count:
        return jobs[0][0].begin if jobs else 0.0
    took = statistics.median(last.begin - first.begin for first, last in jobs)
    groups = zip(jobs, jobs[count - 1 :], strict=False)
    begun, _ = min(groups, key=lambda group: abs(group[1][1].begin - group[0][0].begin - count * took))
    return begun[0].begin


def _drawn(trace: Trace, begin: float, length: float) -> dict[str, dict[str, str]]:
    """Of each process, when it ran and when it waited for a processor, as ``begin-end begin-end …``, µs."""

    def text(intervals: Iterable[Interval]) -> str:
        cut = ((max(0.0, b - begin), min(length, e - begin)) for b, e in intervals)
        return " ".join(f"{b:.0f}-{e:.0f}" for b, e in cut if b < e)

    return {
        name: {
            "runs": text((stay.begin, stay.end) for stay in trace.stays[name]),
            "waits": text(_waits(trace.stays[name])),
        }
        for name in NAMES
    }
