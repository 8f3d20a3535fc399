"""What was written down, and what has to hold of it."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def read(directory: Path, pattern: str) -> list[Event]:
    """All events of some files, in the order of time."""
    events = []
    for path in directory.glob(pattern):
        events += [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return sorted(events, key=lambda event: float(event["at"]))


@dataclass
class Verdict:
    """The figures of one stage of a run; each list names those that should not be."""

    jobs: int = 0
    executions: int = 0
    told: int = 0
    without_outcome: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    gave_up: list[str] = field(default_factory=list)
    run_twice: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)  # parents that lost or doubled something
    odd: list[str] = field(default_factory=list)  # jobs that misbehave, and did not end as they have to
    unknown: int = 0  # of clients without a key, who may never know


def judge(clients: list[Event], jobs: list[Event]) -> Verdict:
    """Check the history of one stage."""
    verdict = Verdict(executions=sum(e["event"] == "started" for e in jobs))
    by_client: dict[int, list[Event]] = defaultdict(list)
    for event in clients:
        by_client[event["client"]].append(event)
    verdict.jobs = len(by_client)
    outcomes: dict[str, set[str]] = defaultdict(set)
    for client, events in by_client.items():
        _judge_client(f"client {client}", events, verdict, outcomes)
    verdict.contradictions += [f"{id}: {sorted(told)}" for id, told in outcomes.items() if len(told) > 1]
    return verdict


def broken_families(clients: list[Event], jobs: list[Event]) -> list[str]:
    """Parents whose sub-jobs or steps are not what they have to be, while the history is kept: each of three sub-jobs
    is one job, whoever looks for it; a result is that of the sub-job, a step's value the one that was stored; a step
    that was stored is not done again by a later start."""
    told = [e["answer"]["body"] for e in clients if e["event"] == "told" and e["kind"] == "family"]
    parents = {body["id"]: body for body in told}
    found = [f"{id}: {body.get('error')}" for id, body in parents.items() if _fails_for_no_reason(body)]
    finished = {(e["id"], e.get("result")) for e in jobs if e["event"] == "finished"}
    stored = {(e["id"], e["step"], e["value"]) for e in jobs if e["event"] == "stored"}
    for id, body in parents.items():
        result = body.get("result") or {"parts": {}, "steps": {}}
        found += [
            f"{id}: {each} is not of its sub-job" for each in result["parts"].items() if each not in finished
        ]
        found += [
            f"{id}: step {s} was not {v}" for s, v in result["steps"].items() if (id, s, v) not in stored
        ]
    return found + _doubled_parts(jobs) + _repeated_steps(jobs)


def _fails_for_no_reason(body: dict[str, Any]) -> bool:
    return body["state"] != "succeeded" and body["error"]["type"] != "/problems/worker-died"


def _doubled_parts(jobs: list[Event]) -> list[str]:
    ids: dict[tuple[str, int], set[str]] = defaultdict(set)
    for event in jobs:
        if "nth" in event:
            ids[event["parent"], event["nth"]].add(event["id"])
    return [
        f"{parent}: sub-job {nth} is {sorted(found)}"
        for (parent, nth), found in ids.items()
        if len(found) > 1
    ]


def _repeated_steps(jobs: list[Event]) -> list[str]:
    stored: dict[tuple[str, str], int] = {}
    for event in jobs:
        if event["event"] == "stored":
            key = event["id"], event["step"]
            stored[key] = min(event["starts"], stored.get(key, event["starts"]))
    return [
        f"{event['id']}: step {event['step']} again in start {event['starts']}"
        for event in jobs
        if event["event"] == "step" and event["starts"] > stored.get((event["id"], event["step"]), 1 << 30)
    ]


#: the state of jobs that misbehave, and the problem types they may have; any of them may also lose five workers
_ODD_ENDS = {
    "block": ("succeeded", ()),
    "swallow": ("failed", ("/problems/job-timeout",)),
    "hang": ("failed", ("/problems/job-timeout",)),
    "unencodable": ("failed", ("/problems/odd",)),
}


def _is_odd(body: dict[str, Any]) -> bool:
    error = body.get("error", {}).get("type", "")
    expected = _ODD_ENDS.get(body.get("job", ""))
    if expected is None or error == "/problems/worker-died":
        return False
    state, types = expected
    return body["state"] != state or (bool(types) and error not in types)


def _judge_client(name: str, events: list[Event], verdict: Verdict, outcomes: dict[str, set[str]]) -> None:
    kind = events[0]["kind"]
    told = [e["answer"]["body"] for e in events if e["event"] == "told"]
    acknowledged = [e["answer"]["body"]["id"] for e in events if e["event"] == "acknowledged"]
    seen = {e["event"] for e in events}
    verdict.told += len(told)
    verdict.odd += [f"{name}: {body}" for body in told if _is_odd(body)]
    for body in told:
        outcomes[body["id"]].add(
            json.dumps([body["state"], body.get("result"), body.get("error")], sort_keys=True)
        )
    if "erased" in seen:
        verdict.erased.append(name)
        if any(e["answer"] and e["answer"]["status"] == 404 for e in events if e["event"] == "erased"):
            verdict.silent.append(name)
    elif len({body["id"] for body in told}) > 1:
        verdict.contradictions.append(f"{name}: {[body['id'] for body in told]}")
    if "refused" in seen:
        verdict.refused.append(f"{name}: {next(e['answer'] for e in events if e['event'] == 'refused')}")
    if "gave up" in seen:
        verdict.gave_up.append(name)
    if acknowledged and not told and "erased" not in seen:
        verdict.without_outcome.append(f"{name}: {acknowledged}")
    if kind == "keyless" and "unknown" in seen:
        verdict.unknown += 1


def run_twice(clients: list[Event], jobs: list[Event]) -> list[str]:
    """The jobs that must never be started twice, and were."""
    once = {
        e["answer"]["body"]["id"]
        for e in clients
        if e["kind"] == "once" and e["answer"] and e["event"] == "told"
    }
    starts: dict[str, int] = defaultdict(int)
    for event in jobs:
        if event["event"] == "started" and event["id"] in once:
            starts[event["id"]] += 1
    return [id for id, count in starts.items() if count > 1]


def same_start_twice(jobs: list[Event]) -> list[str]:
    """Every start of a job has a number of its own: starts that share one were not counted."""
    seen: dict[tuple[str, int], int] = defaultdict(int)
    for event in jobs:
        if event["event"] == "started":
            seen[event["id"], event["starts"]] += 1
    return [f"{id}: start {number}, {count} times" for (id, number), count in seen.items() if count > 1]


def fired_twice(jobs: list[Event]) -> list[str]:
    """The firings of the schedule that had more than one job."""
    ids: dict[float, set[str]] = defaultdict(set)
    for event in jobs:
        if event["event"] == "fired":
            ids[event["scheduled"]].add(event["id"])
    return [f"{at}: {sorted(each)}" for at, each in ids.items() if len(each) > 1]


def firings_missed(jobs: list[Event]) -> list[str]:
    """The firings, once a second, between the first and the last that had no job."""
    times = {int(event["scheduled"]) for event in jobs if event["event"] == "fired"}
    return [str(at) for at in range(min(times, default=0), max(times, default=0)) if at not in times]


def alive_beside(jobs: list[Event]) -> list[str]:
    """Jobs that were started while another of their group had not finished for the first time."""
    spans: dict[int, dict[str, tuple[float, float]]] = defaultdict(dict)
    for event in jobs:
        if "group" in event:
            known = spans[event["group"]]
            begun, ended = known.get(event["id"], (event["at"], 0.0))
            known[event["id"]] = begun, ended or (event["at"] if event["event"] == "finished" else 0.0)
    return [
        f"{id} beside {other}"
        for known in spans.values()
        for id, (begun, _) in known.items()
        for other, (since, until) in known.items()
        if id != other and since < begun < until
    ]


def innocent(dead: dict[str, set[str]], poison: set[str], jobs: list[Event]) -> tuple[list[str], list[str]]:
    """Of the dead jobs that are no poison, with their starts: those one of whose deaths was a poison job's, too, and
    those that only our own kills hit, again and again. `dead` has the sessions that died under each."""
    poisoned = set().union(*(dead[id] for id in poison))
    beside, killed = [], []
    for id in sorted(dead.keys() - poison):
        starts = [(e["pid"], e["at"]) for e in jobs if e["id"] == id]
        found = beside if dead[id] & poisoned else killed
        found.append(f"{id}: {starts}")
    return beside, killed


def until_run_again(jobs: list[Event], killed: list[tuple[int, float]]) -> list[float]:
    """For each job that a killed worker was running: seconds until it was started again."""
    finished = {(e["id"], e["pid"]) for e in jobs if e["event"] == "finished"}
    waits = []
    for pid, at in killed:
        held = [
            e for e in jobs if e["event"] == "started" and e["pid"] == pid and (e["id"], pid) not in finished
        ]
        for event in held:
            later = [
                e["at"] for e in jobs if e["event"] == "started" and e["id"] == event["id"] and e["at"] > at
            ]
            if later:
                waits.append(min(later) - at)
    return sorted(waits)


def until_told(clients: list[Event], since: list[float]) -> list[float]:
    """For each moment: seconds until some client was told an outcome."""
    told = [e["at"] for e in clients if e["event"] == "told"]
    return sorted(min((t - at for t in told if t > at), default=99.0) for at in since)
