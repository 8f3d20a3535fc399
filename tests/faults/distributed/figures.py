"""What a run found."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

from tests.faults.history import Event, Verdict

GRACE = 2.0  # seconds that relay may be away longer than its servers


@dataclass
class Fault:
    """One that happened; seconds."""

    name: str
    lasted: float
    allowed: float  # that new requests may be kept out, without relay's own share
    took_over: float = 0.0  # until another server had taken over
    away: float = 0.0  # the longest time without new requests at a front that was not cut off
    away_cut_off: float = 0.0  # the same at one that was
    late: float = 0.0  # that the machine kept the probe, and so everybody, from running
    heard: dict[str, int] = field(default_factory=dict)  # meanwhile

    @property
    def limit(self) -> float:
        return max(self.allowed, self.took_over) + GRACE + self.late


@dataclass
class Stage:
    """Some faults and the history of the time."""

    verdict: Verdict = field(default_factory=Verdict)
    faults: list[Fault] = field(default_factory=list)
    run_again: int = 0  # jobs that were started more than once
    cut: list[str] = field(default_factory=list)  # clients that were cut in the middle of an answer
    durable_lost: list[str] = field(default_factory=list)  # durable jobs that were acknowledged and erased
    broken: list[str] = field(default_factory=list)  # what else must not be, while the history is kept
    leftovers: list[str] = field(default_factory=list)


@dataclass
class Findings:
    """Of both stages; `wrong` is empty if all is well."""

    kept: Stage = field(default_factory=Stage)
    losing: Stage = field(default_factory=Stage)
    tracebacks: int = 0

    @property
    def faults(self) -> list[Fault]:
        return [*self.kept.faults, *self.losing.faults]

    def wrong(self) -> list[str]:
        kept, losing = self.kept.verdict, self.losing.verdict
        both = self.kept, self.losing
        return [
            *(f"no outcome, history kept: {x}" for x in kept.without_outcome),
            *(f"two outcomes, history kept: {x}" for x in kept.contradictions),
            *(f"erased, history kept: {x}" for x in kept.erased),
            *(f"history kept: {x}" for x in self.kept.broken),
            *(f"gave up: {x}" for x in [*kept.gave_up, *losing.gave_up]),
            *(f"refused: {x}" for x in [*kept.refused, *losing.refused]),
            *(f"erased in silence: {x}" for x in losing.silent),
            *(f"ended otherwise than it has to: {x}" for x in [*kept.odd, *losing.odd]),
            *(f"held, and cut: {x}" for stage in both for x in stage.cut),
            *(f"durable, and lost: {x}" for stage in both for x in stage.durable_lost),
            *(f"left over: {x}" for stage in both for x in stage.leftovers),
            *(_too_long(fault) for stage in both for fault in stage.faults if fault.away > fault.limit),
            *([f"{self.tracebacks} tracebacks"] if self.tracebacks else []),
        ]

    def table(self) -> str:
        kept, losing = self.kept.verdict, self.losing.verdict
        rows = {
            "jobs": (kept.jobs, losing.jobs),
            "outcomes told": (kept.told, losing.told),
            "faults": (len(self.kept.faults), len(self.losing.faults)),
            "acknowledged and without an outcome": (len(kept.without_outcome), len(losing.without_outcome)),
            "lost with the last writes, and said so (410)": (len(kept.erased), len(losing.erased)),
            "of these, silently (404)": (len(kept.silent), len(losing.silent)),
            "of these, durable": (len(self.kept.durable_lost), len(self.losing.durable_lost)),
            "told two outcomes": (len(kept.contradictions), len(losing.contradictions)),
            "run more than once": (self.kept.run_again, self.losing.run_again),
            "held clients that were cut": (len(self.kept.cut), len(self.losing.cut)),
            "clients with a key that gave up": (len(kept.gave_up), len(losing.gave_up)),
        }
        lines = ["| | history kept | last writes may be lost |", "| --- | --- | --- |"]
        lines += [f"| {name} | {one} | {other} |" for name, (one, other) in rows.items()]
        return "\n".join([*lines, "", *self._by_fault()])

    def _by_fault(self) -> list[str]:
        by_name: dict[str, list[Fault]] = defaultdict(list)
        for fault in (*self.kept.faults, *self.losing.faults):
            by_name[fault.name].append(fault)
        lines = [
            "| fault | times | away: median, longest | limit | until another server | cut off, away | busy machine |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        for name, faults in sorted(by_name.items()):
            away = [fault.away for fault in faults]
            lines.append(
                f"| {name} | {len(faults)} | {statistics.median(away):.1f}, {max(away):.1f} s "
                f"| {max(fault.limit for fault in faults):.1f} s "
                f"| {max(fault.took_over for fault in faults):.1f} s "
                f"| {max(fault.away_cut_off for fault in faults):.1f} s "
                f"| {max(fault.late for fault in faults):.1f} s |"
            )
        return lines


def _too_long(fault: Fault) -> str:
    return f"away for {fault.away:.1f} s instead of {fault.limit:.1f} s: {fault.name}, heard {fault.heard}"


def run_again(jobs: list[Event]) -> int:
    """Jobs that were started more than once."""
    starts: dict[str, int] = defaultdict(int)
    for event in jobs:
        if event["event"] == "started":
            starts[event["id"]] += 1
    return sum(count > 1 for count in starts.values())
