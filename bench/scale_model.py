"""How many fronts, workers and masters it takes: ``python -m bench.scale_model --rate 100000 --seconds 100``.

What commands and jobs cost is drawn from the points that `scale` measured, as straight lines: so much for each command,
and so much for each job. How many commands a job takes is simulated (`scale_simulation`), for one of the masters, with
jobs that have keys: others travel together more often. No process is planned to be busy for more than `BUSY` of its
core.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

from bench.layouts import Layout
from bench.scale import CHECKS, IN_FLIGHT, ON_ONE, RESULTS
from bench.scale_processes import Case, Costs
from bench.scale_simulation import Simulated, World

BUSY = 0.6  # of a core
LIVE = 200_000  # jobs of one partition, see docs/partitions.md
PARTITIONS = 64  # of one store
HELD = 50_000  # requests of one front: --max-held
RUNNING = 5_000  # jobs of one worker: --concurrency
CONNECTIONS = 10_000  # of one server: its maxclients, unless it says otherwise
SOCKET = 4096  # bytes of the kernel, see docs/capacity.md
HEARTBEAT, BEAT = 8.0, 70  # seconds, and bytes with the headers of TCP and IP
NETWORK = 100e-6  # seconds from one machine to another
SHORTEST = 0.01  # seconds that a job of the simulation runs at most: longer ones only make it longer


def line(at: Sequence[float], found: Sequence[float]) -> tuple[float, float]:
    """How steep the line is that comes closest to what was found, each by its share, and where it begins. Neither is
    below 0."""
    one = [1 / value for value in found]
    steep = [where / value for where, value in zip(at, found, strict=True)]
    squares, products = _dot(steep, steep), _dot(steep, one)
    apart = squares * _dot(one, one) - products**2
    slope = (sum(steep) * _dot(one, one) - sum(one) * products) / apart if apart else 0.0
    begin = (sum(one) - slope * products) / _dot(one, one)
    if slope < 0:
        slope, begin = 0.0, sum(one) / _dot(one, one)
    elif begin < 0:
        slope, begin = sum(steep) / squares, 0.0
    return round(slope, 1), round(begin, 1)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@dataclass(frozen=True)
class Measured:
    """What was measured, and the lines through it."""

    points: dict[str, Any]
    memory: dict[str, float]
    idle: float  # µs of a server a second, for one process

    def faster(self, times: float) -> Measured:
        """The same where all CPU is so many times as fast."""
        points = {
            name: {**point, "cpu": {kind: spent / times for kind, spent in point["cpu"].items()}}
            for name, point in self.points.items()
            if "cpu" in point
        }
        memory = {**self.memory, "beat": self.memory["beat"] / times}
        return Measured(points, memory, self.idle / times)

    def fitted(self) -> list[dict[str, Any]]:
        """The points that the lines go through."""
        return [self.points[f"{layout}, {n} in flight"] for layout in ON_ONE for n in IN_FLIGHT]

    @cached_property
    def costs(self) -> Costs:
        """Half of the reads are fronts', half are workers'."""
        points = self.fitted()
        said = [point["commands"] for point in points]
        cpu = {kind: [point["cpu"][kind] for point in points] for kind in points[0]["cpu"]}
        redis = line([sum(commands.values()) for commands in said], cpu["redis"])
        front = line([commands["submit"] + commands["read"] / 2 for commands in said], cpu["front"])
        worker = line([commands["turn"] + commands["read"] / 2 for commands in said], cpu["worker"])
        return Costs(*redis, *front, *worker, median(cpu["client"]))

    def bytes(self, commands: dict[str, float]) -> float:
        """To and from servers, for a job."""
        points = self.fitted()
        at = [sum(point["commands"].values()) for point in points]
        command, job = line(at, [point["bytes"] for point in points])
        return command * sum(commands.values()) + job


def measured() -> Measured:
    """What is in the file."""
    found = json.loads(RESULTS.read_text())
    return Measured(found["costs"], found["memory"], found["idle"]["redis"])


@dataclass(frozen=True)
class Target:
    """Jobs a second, and how long one takes from its request to its answer (seconds): so many are alive and held.
    `keep`: seconds for which outcomes are kept."""

    rate: float
    seconds: float
    keep: float = 60.0

    @property
    def held(self) -> float:
        return self.rate * self.seconds


@dataclass(frozen=True)
class Plan:
    """How many there are, for one store; there are `stores` of them where one is not enough. Partitions lie on a master
    each."""

    target: Target
    stores: int
    fronts: int
    workers: int
    partitions: int
    a_job: Simulated
    busy: float  # of a master's core
    network: float  # bytes a second to and from masters

    def limits(self) -> dict[str, float]:
        """How much of each limit is used, for one store."""
        live = self.target.held / self.partitions
        return {
            "partitions of a store": self.partitions / PARTITIONS,
            "live jobs in a partition": live / LIVE,
            "connections to a master": 2 * (self.fronts + self.workers) / CONNECTIONS,
        }


def simulated(target: Target, fronts: int, workers: int, partitions: int, costs: Costs) -> Simulated:
    """One of the partitions, for some thousand jobs."""
    rate = target.rate / partitions
    case = Case(
        fronts=fronts, workers=workers, rate=rate, network=NETWORK, takes=min(target.seconds, SHORTEST)
    )
    return World(case, costs).simulated(max(0.2, 400 / rate), max(0.2, 800 / rate))


def plan_of_one(target: Target, known: Measured) -> Plan:
    """The smallest for one store; it has more partitions than there may be, where it does not fit."""
    costs, memory = known.costs, known.memory
    partitions = max(_cores(target.rate * costs.redis_job), math.ceil(target.held / LIVE))
    front, worker = costs.front_job + 2 * costs.front_command, costs.worker_job + 3 * costs.worker_command
    while True:
        beats = target.held / HEARTBEAT * memory["beat"]
        fronts = max(_cores(target.rate * front + beats), math.ceil(target.held / HELD))
        workers = max(_cores(target.rate * worker), math.ceil(target.held / RUNNING))
        found = simulated(target, fronts, workers, partitions, costs)
        spent = target.rate * found.cpu["redis"] + (fronts + workers) * known.idle
        need = _cores(spent) if found.keeps_up else math.ceil(partitions * 1.25)
        if need <= partitions or partitions > PARTITIONS:
            busy, network = spent / partitions / 1e6, target.rate * known.bytes(found.commands)
            return Plan(target, 1, fronts, workers, partitions, found, busy, network)
        partitions = need


def _cores(spent: float) -> int:
    """How many that takes, of µs a second."""
    return max(1, math.ceil(spent / 1e6 / BUSY))


def plan(target: Target, known: Measured) -> Plan:
    """With the fewest stores."""
    stores = max(1, math.ceil(target.held / LIVE / PARTITIONS))
    while True:
        found = plan_of_one(replace(target, rate=target.rate / stores), known)
        if found.partitions <= PARTITIONS:
            return replace(found, stores=stores)
        stores += 1


# -- whether it is right --


def checks(known: Measured) -> Iterator[tuple[str, dict[str, float], dict[str, float]]]:
    """Points that no line goes through: their names, what was measured, and what the model says. Everything runs on one
    machine of two cores there."""
    for layout, all_in_flight in CHECKS:
        for in_flight in all_in_flight:
            name = f"{layout}, {in_flight} in flight"
            point = known.points[name]
            said = on_this_machine(layout, in_flight, known.costs)
            yield name, _figures(point["commands"], point["cpu"]), _figures(said.commands, said.cpu)


def on_this_machine(layout: Layout, in_flight: int, costs: Costs) -> Simulated:
    """As `scale` measured it: jobs without keys, and clients beside it."""
    case = Case(layout.partitions, layout.fronts, layout.workers, layout.servers, in_flight, cores=2)
    return World(case, costs).simulated(0.2, 1.0)


def _figures(commands: dict[str, float], cpu: dict[str, float]) -> dict[str, float]:
    return {"commands": sum(commands[name] for name in ("submit", "turn", "read"))} | {
        name: cpu[name] for name in ("redis", "front", "worker")
    }


def main() -> None:
    from bench.scale_tables import told_plans

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100_000, help="jobs a second")
    parser.add_argument("--seconds", type=float, default=100, help="from a request to its answer")
    parser.add_argument(
        "--faster", type=float, default=1, help="times as fast as the machine that was measured"
    )
    parser.add_argument("--keep", type=float, default=60, help="seconds for which outcomes are kept")
    given = parser.parse_args()
    sys.stdout.write(
        told_plans([Target(given.rate, given.seconds, given.keep)], measured().faster(given.faster))
    )


if __name__ == "__main__":
    main()
