"""A run of fault tests, with its figures: ``make faults``, or ``python -m tests.faults.run --jobs 20000 --faults 200``.

Two stages: first every fault that leaves Redis its history, then those that take it. The seed draws faults, pauses,
clients and their jobs; what the operating system makes of it differs from run to run.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.faults import history
from tests.faults.history import Verdict
from tests.faults.rig import FRONTS, KEEPING, LEASE, LOSING, WORKERS, Rig
from tests.processes import RelayProcess, eventually

LOSING_SHARE = 0.1  # of the faults and of the jobs
MEASURED = 3500  # jobs while speed is measured, and not counted otherwise
_PAUSE = (0.1, 0.7)  # seconds between faults
TRACES = (
    "job",
    "alive",
    "run",
    "wait",
    "left",
    "tries",
    "uncounted",
    "crash",
    "cancel",
    "trial",
    "progress",
)
TRACES += (
    "later",
    "history",
    "stopped",
    "parents",
    "orphans",
    "checkpoint",
    "delay",
    "deadline",
    "heads",
    "shut",
    "suspects",
    "closing",
)


@dataclass
class Figures:
    """What a run found; `wrong` is empty if all is well."""

    seed: int
    user: str = ""  # whether relay's Redis user may ask INFO
    faults: Counter[str] = field(default_factory=Counter)
    kept: Verdict = field(default_factory=Verdict)
    lost: Verdict = field(default_factory=Verdict)
    run_twice: list[str] = field(default_factory=list)
    innocent: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)  # dead jobs that are the doing of our own kills alone
    uncounted: list[str] = field(default_factory=list)
    fired_twice: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)  # jobs that lived beside another of their group
    firings: int = 0
    leftovers: list[str] = field(default_factory=list)
    again: list[float] = field(default_factory=list)  # seconds until a killed worker's jobs ran again
    orphaned: float = 0.0  # the same, of a worker without a parent
    back: list[float] = field(default_factory=list)  # seconds until an outcome after Redis was restarted

    def wrong(self) -> list[str]:
        kept, lost = self.kept, self.lost
        return [
            *(f"no outcome: {x}" for x in kept.without_outcome),
            *(f"contradiction: {x}" for x in kept.contradictions),
            *(f"gave up: {x}" for x in [*kept.gave_up, *lost.gave_up]),
            *(f"refused: {x}" for x in [*kept.refused, *lost.refused]),
            *(f"erased while history was kept: {x}" for x in kept.erased),
            *(f"erased in silence: {x}" for x in lost.silent),
            *(f"ran twice: {x}" for x in self.run_twice),
            *(f"the same start twice, history kept: {x}" for x in self.uncounted),
            *(f"sub-jobs or steps: {x}" for x in kept.families),
            *(f"fired twice, history kept: {x}" for x in self.fired_twice),
            *(f"never fired, history kept: {x}" for x in self.missed),
            *(f"unique, and alive beside another: {x}" for x in self.beside),
            *(f"ended otherwise than it has to: {x}" for x in [*kept.odd, *lost.odd]),
            *(f"innocent dead job: {x}" for x in self.innocent),
            *(f"left over: {x}" for x in self.leftovers),
        ]

    def table(self) -> str:
        kept, lost = self.kept, self.lost
        rows = {
            "jobs": f"{kept.jobs + lost.jobs}",
            "executions": f"{kept.executions + lost.executions}",
            "outcomes told": f"{kept.told + lost.told}",
            "faults": f"{sum(self.faults.values())}",
            "relay's user may ask INFO": "no" if self.user else "yes",
            "acknowledged jobs without an outcome, history kept": f"{len(kept.without_outcome)}",
            "jobs with two outcomes, or a waiter told something else, history kept": f"{len(kept.contradictions)}",
            "clients with a key that ended without the outcome": f"{len(kept.gave_up) + len(lost.gave_up)}",
            "jobs acknowledged by 202 and erased with the history (410)": f"{len(lost.erased)}",
            "of these, silently (404)": f"{len(lost.silent)}",
            "`once` jobs started twice": f"{len(self.run_twice)}",
            "starts that were not counted, history kept": f"{len(self.uncounted)}",
            "parents whose sub-jobs or steps were lost or doubled, history kept": f"{len(kept.families)}",
            "firings of a schedule, once a second": f"{self.firings}",
            "of these, twice or never, history kept": f"{len(self.fired_twice) + len(self.missed)}",
            "unique jobs that lived beside another": f"{len(self.beside)}",
            "jobs that misbehave, and ended otherwise than they have to": f"{len(kept.odd) + len(lost.odd)}",
            "innocent jobs among the dead jobs because of a poison job": f"{len(self.innocent)}",
            "jobs among the dead jobs that five faults hit, one after the other": f"{len(self.killed)}",
            "killed worker under `all`, until its jobs run again: median, longest": _seconds(self.again),
            f"killed worker without a parent (lease {LEASE:g} s)": f"{self.orphaned:.2f} s",
            "Redis back, until the first outcome: median, longest": _seconds(self.back),
            "left over at the end": f"{len(self.leftovers)}",
        }
        return "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def _seconds(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} s, {max(values):.2f} s" if values else "—"


def run(seed: int, jobs: int, faults: int, directory: Path, measured: int = MEASURED) -> Figures:
    """Speed is measured, with so many jobs, unless that is 0; then both stages follow."""
    figures = Figures(seed)
    rig = Rig(directory, seed)
    figures.user = rig.servers.user
    rig.start()
    try:
        if measured:
            _measure(rig, figures, seed + 2, measured)
        losing = round(jobs * LOSING_SHARE), round(faults * LOSING_SHARE)
        begun = time.monotonic()
        _stage(rig, figures, jobs - losing[0], faults - losing[1], KEEPING, seed)
        figures.kept = history.judge(*_events(directory, begun))
        figures.kept.families = history.broken_families(*_events(directory, begun))
        figures.innocent, figures.killed = _innocent(rig, _events(directory, 0)[1])
        figures.leftovers = _leftovers(rig)
        figures.run_twice = history.run_twice(*_events(directory, begun))
        figures.uncounted = history.same_start_twice(_events(directory, 0)[1])
        _judge_schedules(figures, _events(directory, 0)[1])
        begun = time.monotonic()
        _stage(rig, figures, *losing, LOSING, seed + 1)
        figures.lost = history.judge(*_events(directory, begun))
        figures.orphaned = _orphan(rig)
    finally:
        rig.stop()
    return figures


def _judge_schedules(figures: Figures, jobs: list[history.Event]) -> None:
    figures.fired_twice = history.fired_twice(jobs)
    figures.missed = history.firings_missed(jobs)
    figures.firings = sum(event["event"] == "fired" for event in jobs)
    figures.beside = history.alive_beside(jobs)


def _measure(rig: Rig, figures: Figures, seed: int, jobs: int) -> None:
    """How fast things are put right, one at a time: five workers killed, Redis restarted three times, under load."""
    clients = rig.clients(seed, jobs)
    time.sleep(1)
    for fault in (*["kill_worker"] * 5, *["restart_redis"] * 3):
        rig.fault(fault)
        figures.faults[fault] += 1
        time.sleep(2)
    clients.wait(600)
    told, executions = _events(rig.directory, 0)
    figures.again = history.until_run_again(executions, rig.killed_workers)
    figures.back = history.until_told(told, rig.servers.back)


def _stage(rig: Rig, figures: Figures, jobs: int, faults: int, weights: dict[str, int], seed: int) -> None:
    """Clients and faults at the same time, until both are through."""
    if not jobs:
        return
    draw = random.Random(seed)
    clients = rig.clients(seed, jobs)
    names = draw.choices(list(weights), list(weights.values()), k=faults)
    for number, name in enumerate(names):
        print(f"\r{number + 1}/{faults} {name:20}", end="", file=sys.stderr, flush=True)
        rig.fault(name)
        figures.faults[name] += 1
        time.sleep(draw.uniform(*_PAUSE))
    print(file=sys.stderr)
    if clients.wait(600):
        raise RuntimeError("the clients failed")


def _events(directory: Path, begun: float) -> tuple[list[history.Event], list[history.Event]]:
    clients, jobs = history.read(directory, "clients.jsonl"), history.read(directory, "jobs-*.jsonl")
    return [e for e in clients if e["at"] >= begun], [e for e in jobs if e["at"] >= begun]


def _innocent(rig: Rig, jobs: list[history.Event]) -> tuple[list[str], list[str]]:
    letters = rig.redis.client.hgetall("{r0}:letter")
    poison = {id.decode() for id, letter in letters.items() if b"poison" in letter}
    decoder = msgspec.msgpack.Decoder(tuple[float, str, msgspec.Raw, str, int, msgspec.Raw])
    dead = {id.decode(): set(decoder.decode(letter)[3].split()) for id, letter in letters.items()}
    return history.innocent(dead, poison, jobs)


def _leftovers(rig: Rig) -> list[str]:
    """What is still there once all clients have gone: nothing but outcomes."""
    redis = rig.redis.client
    left: list[str] = []

    def look() -> bool:
        left.clear()
        left.extend(f"{key}: {_size(rig, key)}" for key in TRACES if redis.exists(f"{{r0}}:{key}"))
        sessions = redis.zcard("{r0}:session")
        if sessions != WORKERS:
            left.append(f"{sessions} sessions")
        kept = [key for key in redis.scan_iter("{r0}:inbox:*", 1000) if redis.ttl(key) == -1]
        if kept:  # those of the dead have a minute to live
            left.append(f"inboxes for ever: {kept}")
        connections = len([c for c in redis.client_list() if c["cmd"] != "client|list"])
        if connections != 2 * (FRONTS + WORKERS) + 1:
            left.append(f"{connections} connections")
        held = rig.relay.held()
        if held:
            left.append(f"{held} holds")
        return not left

    with contextlib.suppress(AssertionError):
        eventually(look, "nothing is left over")
    return left


def _size(rig: Rig, key: str) -> str:
    kind = rig.redis.client.type(f"{{r0}}:{key}")
    size = rig.redis.client.hlen if kind == b"hash" else rig.redis.client.zcard
    return str(size(f"{{r0}}:{key}"))


_ORPHANS = """
from twisted.internet.defer import Deferred
from relay import Context, job
from tests.faults.jobs import _write

@job(queue="orphans", timeout=600)
def orphan(context: Context):
    _write("orphan", context)
    return Deferred()
"""


def _orphan(rig: Rig) -> float:
    """A worker that nobody supervises is killed: seconds until its job runs again."""
    for title in ("relay front", "relay worker"):
        eventually(lambda title=title: rig.relay.children(title), title)  # type: ignore[misc]
    module = rig.directory / "orphans.py"
    module.write_text(_ORPHANS)
    environment = {"FAULTS_DIRECTORY": str(rig.directory)}
    command = ("worker", "--redis", rig.servers.url, "--jobs", "orphans", "--lease", str(LEASE))
    one, other = (RelayProcess(rig.directory, *command, environment=environment) for _ in range(2))
    one.start()
    eventually(
        lambda: rig.relay.call("POST", "/jobs/orphan", {}, {"Prefer": "respond-async"}).status == 202, "202"
    )

    def starts() -> list[history.Event]:
        return [e for e in history.read(rig.directory, "jobs-*.jsonl") if e["event"] == "orphan"]

    eventually(starts, "it runs")
    other.start()
    killed = time.monotonic()
    one.kill()
    eventually(lambda: len(starts()) == 2, "it runs again")
    again = starts()[1]["at"] - killed
    other.kill()
    return float(again)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    given = parser.parse_args()
    print(f"seed {given.seed}: {given.jobs} jobs, {given.faults} faults", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="relay-faults-") as directory:
        figures = run(given.seed, given.jobs, given.faults, Path(directory))
    print(figures.table())
    print(", ".join(f"{name} {count}" for name, count in sorted(figures.faults.items())))
    print(f"{time.monotonic() - began:.0f} s, seed {given.seed}")
    wrong = figures.wrong()
    print("\n".join(wrong[:50]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
