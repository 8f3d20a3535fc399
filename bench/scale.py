"""What a job costs with several partitions, fronts, workers and servers: ``python -m bench.scale``.

Clients post `echo` one after the other and wait for its answer, so many of them that 1, 8 or 64 jobs are in flight.
What counts is CPU time of processes, not the clock, less what they use when nobody asks. All layouts are measured by
turns, some rounds of them, and medians are kept in ``bench/scale.json``, from where `scale_model` takes its costs and
``docs/scale.md`` its tables. ``--only docs`` writes the tables again.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError

from bench.layouts import Layout, Relay, laid_out
from bench.measures import Holding, ask_first, machine
from bench.systems import ASYNC, HERE

RESULTS = HERE / "scale.json"
IN_FLIGHT = (1, 8, 64)
WARM, MEASURED, IDLE = 1, 3, 3  # seconds
#: of the table: one worker, one server; then a worker for each front, and two servers of a Cluster
ON_ONE = [Layout(partitions, fronts) for partitions in (1, 2, 4) for fronts in (1, 2, 4)]
ON_TWO = [Layout(2, 2, 2, 2), Layout(4, 2, 2, 2), Layout(4, 4, 4, 2)]
#: what the model is checked with, and was not made from
CHECKS = [(Layout(2, 2, 2, 1), (32,)), (Layout(4, 2, 2, 2), (128,))]
HELD, RUNNING = 5000, 3000
IDLE_PROCESSES = 200


def measured_at(relay: Relay, in_flight: int, idle: dict[str, float]) -> dict[str, Any]:
    """One point, for a job."""
    relay.ask(in_flight, WARM)
    before, began = relay.used(), time.monotonic()
    jobs = relay.ask(in_flight, MEASURED)
    seconds = time.monotonic() - began
    found = relay.used().since(before, jobs)
    found["cpu"] = {
        name: spent - idle.get(name, 0.0) * seconds / jobs for name, spent in found["cpu"].items()
    }
    return {**found, "rate": jobs / MEASURED}


def idle_of(relay: Relay) -> dict[str, float]:
    """µs of CPU a second while nobody asks, by kind of process."""
    before, began = relay.used(), time.monotonic()
    time.sleep(IDLE)
    spent: dict[str, float] = relay.used().since(before, time.monotonic() - began)["cpu"]
    return spent


def round_of(server: str) -> Iterator[tuple[str, Any]]:
    """What was found, each under the name of its point: a layout and how many were in flight, or none for `idle`."""
    points = dict.fromkeys([*ON_ONE, *ON_TWO], IN_FLIGHT)
    for layout, in_flight in CHECKS:
        points[layout] = (*points.get(layout, ()), *in_flight)
    for layout, all_in_flight in points.items():
        with laid_out(layout, server) as relay:
            relay.ask(8, WARM)
            idle = idle_of(relay)
            yield f"{layout}", idle
            for in_flight in all_in_flight:
                yield f"{layout}, {in_flight} in flight", measured_at(relay, in_flight, idle)


def medians(found: list[Any]) -> Any:
    """The median of each figure in values of one shape."""
    if isinstance(found[0], dict):
        return {name: medians([each[name] for each in found]) for name in found[0]}
    return statistics.median(found)


def costs(server: str, rounds: int) -> dict[str, Any]:
    """All points, medians of some rounds."""
    found: dict[str, list[Any]] = {}
    for nth in range(rounds):
        for name, point in round_of(server):
            sys.stdout.write(f"round {nth + 1}: {name}: {json.dumps(point)}\n")
            sys.stdout.flush()
            found.setdefault(name, []).append(point)
    return {name: medians(points) for name, points in found.items()}


# -- memory --


def memory(server: str) -> dict[str, float]:
    """Bytes of a job that waits, of an outcome, of a held request in its front, of a job that runs in its worker; µs of
    a front for a heartbeat."""
    options = ("--heartbeat", "2", "--grace", "1")
    with laid_out(Layout(), server, options, ("--queues", "default", "--concurrency", "5000")) as relay:
        relay.add_worker("blocked", "--queues", "later", "--concurrency", "1")
        _begin(f"http://127.0.0.1:{relay.ports[0]}/jobs/block")
        live = _bytes_each(relay, "/jobs/later")
        kept = _bytes_each(relay, "/jobs/echo")
        return {"live": live, "kept": kept, **_held(relay)}


def _begin(url: str, seconds: float = 60) -> None:
    """Submit a job, as soon as a worker has said that it serves it."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            ask_first(url)
            return
        except HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _bytes_each(relay: Relay, path: str) -> float:
    """Of Redis, for each of many jobs that were queued, once no more of them run."""
    relay.ask(8, 1, path, **ASYNC)
    before = _at_rest(relay)
    jobs = relay.ask(64, 5, path, **ASYNC)
    return (_at_rest(relay) - before) / jobs


def _at_rest(relay: Relay) -> int:
    """What the servers use as soon as all that can be done is done."""
    left = -1
    while left != (left := relay.servers[0].hlen("{r0}:job")):
        time.sleep(1)
    return relay.memory()


def _held(relay: Relay) -> dict[str, float]:
    """The same requests twice: what the first ones took is used again."""
    url = f"http://127.0.0.1:{relay.ports[0]}/jobs/slow"
    warm = Holding(url, 500, "127.0.0.2", '{"seconds": 2}')
    warm.wait_for("done", 500)
    warm.stop()
    front, worker = relay.group.memory("front0"), relay.group.memory("worker0")
    holding = Holding(url, RUNNING, "127.0.0.2", '{"seconds": 90}')
    holding.wait_for("committed", RUNNING)
    more = Holding(
        f"http://127.0.0.1:{relay.ports[0]}/jobs/later", HELD - RUNNING, "127.0.0.3", '{"message": 1}'
    )
    more.wait_for("committed", HELD - RUNNING)
    both = (holding, more)
    beats, used = sum(each.counts()["beats"] for each in both), relay.group.cpu()["front0"]
    time.sleep(10)
    beats = sum(each.counts()["beats"] for each in both) - beats
    used = relay.group.cpu()["front0"] - used
    found = {
        "held": (relay.group.memory("front0") - front) / HELD,
        "running": (relay.group.memory("worker0") - worker) / RUNNING,
        "beat": used / beats,
        "front": float(front),
        "worker": float(worker),
    }
    for each in both:
        each.stop()
    return found


def idle_processes(server: str) -> dict[str, float]:
    """µs of a server's CPU a second for one idle process, half of them fronts."""
    command = [sys.executable, "-m", "bench.idle", "--processes", str(IDLE_PROCESSES), "--seconds", "5"]
    told = subprocess.run(
        [*command, "--server", server], cwd=HERE.parent, capture_output=True, text=True, check=True
    )
    share = re.search(r"([\d.]+) % of a core", told.stdout)
    assert share, told
    return {"redis": float(share[1]) * 1e4 / IDLE_PROCESSES}


def version_of(server: str) -> str:
    """As a server calls itself."""
    with laid_out(Layout(), server) as relay:
        info = relay.servers[0].info("server")
    return f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}"


def main() -> None:
    from bench import scale_tables

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--server", default="redis-server", help="a program; '' is the one that comes with relay"
    )
    parser.add_argument("--only", nargs="*", default=[], help="machine, costs, memory, idle, docs")
    given = parser.parse_args()
    plan: dict[str, Callable[[], Any]] = {
        "machine": lambda: {**machine(), "server": version_of(given.server), "rounds": given.rounds},
        "memory": lambda: memory(given.server),
        "idle": lambda: idle_processes(given.server),
        "costs": lambda: costs(given.server, given.rounds),
    }
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, measure in plan.items():
        if not given.only or name in given.only:
            results[name] = measure()
            sys.stdout.write(f"{name}: {json.dumps(results[name])}\n")
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    scale_tables.write()


if __name__ == "__main__":
    main()
