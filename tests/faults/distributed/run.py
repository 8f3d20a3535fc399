"""A run: first the faults that leave the history as it is, then those that may lose the last writes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path

from tests.faults import history
from tests.faults.distributed.figures import GRACE, Fault, Findings, Stage, run_again
from tests.faults.distributed.obstacles import Obstacles, decks, impossible
from tests.faults.distributed.rig import Plan, Rig, rig_of
from tests.faults.distributed.site import Site
from tests.faults.run import TRACES
from tests.processes import eventually

_PAUSE = (0.5, 1.5)  # seconds between faults
_LAST = 600.0  # seconds for the clients to have their outcomes


def run(plan: Plan, directory: Path) -> Findings:
    """Raises if the clients or relay can't even be started."""
    with rig_of(plan, directory) as rig:
        rig.probe.start()
        try:
            return _both_stages(rig)
        finally:
            rig.probe.stop()


def _both_stages(rig: Rig) -> Findings:
    findings, plan = Findings(), rig.plan
    keeping, losing = decks(plan, rig.draw, impossible(rig))
    begun = time.monotonic()
    findings.kept = _stage(rig, keeping, _share(plan, keeping), plan.seed)
    findings.kept.broken = _broken(rig.directory, begun)
    findings.losing = _stage(rig, losing, _share(plan, losing), plan.seed + 1)
    # who attached by an id that was lost is cut, asks again, and hears 410
    findings.losing.cut = [cut for cut in findings.losing.cut if not cut.startswith("GET")]
    findings.tracebacks = sum(site.tracebacks() for site in rig.sites)
    return findings


def _share(plan: Plan, names: list[str]) -> int:
    """The jobs of a stage."""
    return round(plan.jobs * len(names) / (len(plan.only) or plan.faults))


def _stage(rig: Rig, names: list[str], jobs: int, seed: int) -> Stage:
    """Clients and faults at the same time, until both are through."""
    stage, begun = Stage(), time.monotonic()
    if not names:
        return stage
    clients = rig.clients(seed, jobs)
    obstacles = Obstacles(rig)
    try:
        for number, name in enumerate(names):
            print(f"{time.monotonic():.1f} {number + 1}/{len(names)} {name}", file=sys.stderr, flush=True)
            stage.faults.append(_fault(rig, obstacles, name))
        clients.terminate()  # they end once they have their outcomes, or have given up
        if clients.wait(_LAST):
            raise RuntimeError("the clients failed")
    finally:
        clients.kill()
    _judge(rig, stage, begun)
    return stage


def _fault(rig: Rig, obstacles: Obstacles, name: str) -> Fault:
    begun = time.monotonic()
    allowed = obstacles.do(name)
    lasted = time.monotonic() - begun
    threading.Event().wait(rig.draw.uniform(*_PAUSE))  # time for relay, and for the probe to see
    fault = Fault(name, lasted, allowed, max(0.0, obstacles.promoted - begun))
    fault.late = rig.probe.late(begun, begun + max(allowed, fault.took_over) + GRACE)
    for site in rig.sites:
        away, heard = rig.probe.away(site, begun, time.monotonic())
        if site.number in obstacles.cut_off:
            fault.away_cut_off = away
        elif away >= fault.away:
            fault.away, fault.heard = away, dict(heard)
    return fault


def _judge(rig: Rig, stage: Stage, begun: float) -> None:
    clients, jobs = _events(rig.directory, begun)
    stage.verdict = history.judge(clients, jobs)
    stage.run_again = run_again(jobs)
    cut = [e for e in clients if e["event"] == "cut" and not _is_excused(e, rig.sites)]
    stage.cut = [f"{e['method']} of client {e['client']}: {e['error']}" for e in cut]
    stage.durable_lost = [
        f"client {e['client']}" for e in clients if e["event"] == "erased" and e["kind"] == "durable"
    ]
    stage.leftovers = _leftovers(rig)


def _is_excused(cut: history.Event, sites: list[Site]) -> bool:
    """Whether it was a client of a front that was ended."""
    return any(list(site.place) == cut["place"] and site.was_gone(cut["at"]) for site in sites)


def _events(directory: Path, begun: float) -> tuple[list[history.Event], list[history.Event]]:
    clients, jobs = history.read(directory, "clients.jsonl"), history.read(directory, "jobs-*.jsonl")
    return [e for e in clients if e["at"] >= begun], [e for e in jobs if e["at"] >= begun]


def _broken(directory: Path, begun: float) -> list[str]:
    """What a history that was kept must not have."""
    clients, jobs = _events(directory, begun)
    return [
        *(f"`once`, and started twice: {x}" for x in history.run_twice(clients, jobs)),
        *(f"the same start twice: {x}" for x in history.same_start_twice(jobs)),
        *(f"sub-jobs or steps: {x}" for x in history.broken_families(clients, jobs)),
        *(f"fired twice: {x}" for x in history.fired_twice(jobs)),
        *(f"never fired: {x}" for x in history.firings_missed(jobs)),
        *(f"unique, and alive beside another: {x}" for x in history.alive_beside(jobs)),
    ]


def _leftovers(rig: Rig) -> list[str]:
    """What is still there once all clients have gone: nothing but outcomes, and what the probe has just sent."""
    rig.probe.pause()
    left: list[str] = []

    def look() -> bool:
        left[:] = [each for tag in rig.tags() for each in _left_in(tag, rig)]
        left.extend(f"{site.front.held()} holds" for site in rig.sites if site.front.held())
        return not left

    with contextlib.suppress(AssertionError):
        eventually(look, "nothing is left over")
    rig.probe.go_on()
    return left


def _left_in(tag: str, rig: Rig) -> list[str]:
    redis = rig.client_of(tag)
    left = [f"{tag}{key}" for key in TRACES if redis.exists(f"{tag}{key}")]
    sessions = redis.zcard(f"{tag}session")
    return [*left, *([f"{tag}: {sessions} sessions"] if sessions != rig.plan.sites else [])]
