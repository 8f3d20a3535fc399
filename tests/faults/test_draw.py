"""A short draw of the fault tests; ``make faults`` is the long one."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.history import broken_families, innocent, judge, same_start_twice
from tests.faults.run import run


@pytest.mark.processes
def test_a_short_draw_of_faults_loses_nothing(tmp_path: Path) -> None:
    seed = 7 if "CI" in os.environ else random.randrange(1 << 30)
    figures = run(seed, jobs=240, faults=6, directory=tmp_path, measured=0)
    assert figures.wrong() == [], f"seed {seed}: {dict(figures.faults)}"
    assert figures.kept.jobs + figures.lost.jobs == 240


def told(client: int, kind: str = "held", **body: object) -> dict[str, object]:
    answer = {"status": 200, "body": {"id": "1", "state": "succeeded", "complete": True, **body}}
    return {"event": "told", "client": client, "kind": kind, "at": 1.0, "answer": answer}


def test_the_checker_sees_a_contradiction() -> None:
    assert not judge([told(1, result="a"), told(1, result="a")], []).contradictions
    assert judge([told(1, result="a"), told(2, result="b")], []).contradictions
    assert judge([told(1, id="1"), told(1, id="2")], []).contradictions


def test_the_checker_sees_what_was_acknowledged_and_never_ended() -> None:
    acknowledged = {**told(1), "event": "acknowledged"}
    assert judge([acknowledged], []).without_outcome
    assert not judge([acknowledged, told(1)], []).without_outcome


def test_the_checker_tells_what_died_beside_a_poison_from_what_was_killed() -> None:
    dead = {"poison": {"a", "b"}, "beside": {"b", "c"}, "killed": {"c", "d"}}
    beside, killed = innocent(dead, {"poison"}, [{"id": "beside", "pid": 1, "at": 1.0}])
    assert [line.partition(":")[0] for line in beside] == ["beside"]
    assert [line.partition(":")[0] for line in killed] == ["killed"]


def test_the_checker_sees_jobs_that_misbehave_and_end_otherwise_than_they_have_to() -> None:
    timeout = {"type": "/problems/job-timeout"}
    assert not judge([told(1, job="hang", state="failed", error=timeout)], []).odd
    assert judge([told(1, job="hang", state="failed", error={"type": "/problems/job-failed"})], []).odd
    assert judge([told(1, job="swallow", result=1)], []).odd
    assert not judge(
        [told(1, job="swallow", state="failed", error={"type": "/problems/worker-died"})], []
    ).odd


def test_the_checker_sees_starts_that_were_not_counted() -> None:
    first = {"event": "started", "id": "a", "starts": 1, "at": 1.0}
    assert not same_start_twice([first, {**first, "starts": 2}, {**first, "id": "b"}])
    assert same_start_twice([first, {**first, "at": 2.0}])


def test_the_checker_sees_who_gave_up_and_what_was_erased_in_silence() -> None:
    assert judge([{**told(1), "event": "gave up"}], []).gave_up
    erased = {**told(1), "event": "erased"}
    assert judge([erased, told(1)], []).erased
    assert not judge([erased], []).silent
    erased["answer"] = {"status": 404, "body": {}}
    assert judge([erased], []).silent


def family_of(**more: object) -> list[dict[str, object]]:
    """What a parent and one of its sub-jobs write down, changed by what is given."""
    parent = {"id": "1", "starts": 1, "at": 1.0, "step": "a", "value": "v"}
    part = {"id": "p", "starts": 1, "at": 2.0, "parent": "1", "nth": 0, "result": "r"}
    told_of = told(1, "family", result={"parts": {"p": "r"}, "steps": {"a": "v"}})
    events: dict[str, dict[str, object]] = {
        "step": {**parent, "event": "step"},
        "stored": {**parent, "event": "stored"},
        "started": {**part, "event": "started"},
        "finished": {**part, "event": "finished"},
        "told": told_of,
    }
    for name, changed in more.items():
        events[name] = {**events[name.rstrip("_")], **changed}  # type: ignore[dict-item]
    return list(events.values())


def test_the_checker_sees_sub_jobs_and_steps_that_are_lost_or_doubled() -> None:
    def broken(**more: object) -> list[str]:
        events = family_of(**more)
        return broken_families([e for e in events if "client" in e], [e for e in events if "client" not in e])

    assert broken() == []
    assert broken(finished={"result": "another"})
    assert broken(stored={"value": "another"})
    assert broken(started_={"id": "q"})
    assert broken(step_={"starts": 2})
    assert broken(step_={"starts": 1}) == []
