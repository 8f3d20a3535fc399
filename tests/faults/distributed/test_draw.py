"""Short draws of the faults on real topologies; ``make faults-distributed`` is the long one."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.distributed.figures import Fault, Findings, Stage, run_again
from tests.faults.distributed.probe import Waited, longest_waited
from tests.faults.distributed.rig import Plan
from tests.faults.distributed.run import run


def drawn() -> int:
    return 7 if "CI" in os.environ else random.randrange(1 << 30)


@pytest.mark.processes
def test_a_server_that_dies_and_comes_back_loses_nothing(tmp_path: Path) -> None:
    """And a run with its clients, its probe and its verdict is what `make faults-distributed` does."""
    plan = Plan("one", seed=drawn(), jobs=20, at_once=8, sites=1, only=("kill_and_revive",))
    findings = run(plan, tmp_path)
    assert findings.wrong() == [], f"seed {plan.seed}"
    assert findings.kept.verdict.jobs >= 20
    assert [fault.name for fault in findings.kept.faults] == ["kill_and_revive"]


@pytest.mark.long
@pytest.mark.processes
def test_a_master_that_dies_and_the_next_one_that_hands_over_lose_nobody(tmp_path: Path) -> None:
    plan = Plan("sentinel", seed=drawn(), jobs=60, at_once=8, sites=1, only=("kill_and_hand_over",))
    findings = run(plan, tmp_path)
    assert findings.wrong() == [], f"seed {plan.seed}"
    assert findings.losing.verdict.jobs >= 60


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.parametrize("server", ["redis", "valkey"])
@pytest.mark.parametrize("topology", ["sentinel", "cluster"])
def test_a_draw_of_faults_on_a_topology_loses_nothing(tmp_path: Path, topology: str, server: str) -> None:
    plan = Plan(topology, server, seed=drawn(), jobs=300, faults=8, at_once=10)
    findings = run(plan, tmp_path)
    assert findings.wrong() == [], f"seed {plan.seed}: {[fault.name for fault in findings.faults]}"


def test_new_requests_that_were_kept_out_for_too_long_are_found() -> None:
    late = Fault("kill", lasted=9.0, allowed=1.0, away=3.1, heard={"/problems/store-away": 31})
    assert "3.1 s instead of 3.0 s: kill" in Findings(losing=Stage(faults=[late])).wrong()[0]
    late.took_over = 1.5  # the servers took longer than they should
    assert not Findings(losing=Stage(faults=[late])).wrong()


def test_the_front_that_a_busy_machine_kept_waiting_longest_counts() -> None:
    told = [
        (0, 1.0, 5.0),
        (1, 1.0, 0.0),
        (0, 2.0, 5.5),
        (1, 2.0, 0.1),
        (0, 3.0, 0.2),
        (0, 4.0, 0.5),
        (0, 9.0, 9.0),
    ]
    waited = [Waited(*each) for each in told]  # the first one was started anew at 3
    assert longest_waited(waited, 1.5, 5.0) == pytest.approx(0.8)
    assert longest_waited([], 0.0, 1.0) == 0.0


def test_a_front_that_was_cut_off_may_be_away_as_long_as_it_is() -> None:
    cut_off = Fault("partition", lasted=9.0, allowed=1.0, away=0.0, away_cut_off=8.0)
    assert not Findings(losing=Stage(faults=[cut_off])).wrong()


def test_held_clients_that_were_cut_and_durable_jobs_that_were_lost_are_found() -> None:
    assert Findings(losing=Stage(cut=["client 1"])).wrong()
    assert Findings(losing=Stage(durable_lost=["client 1"])).wrong()
    assert Findings(kept=Stage(broken=["fired twice"])).wrong()


def test_jobs_that_were_started_more_than_once_are_counted() -> None:
    started = {"event": "started", "id": "a", "at": 1.0}
    assert run_again([started, {**started, "id": "b"}, {**started, "event": "finished"}]) == 0
    assert run_again([started, started, started, {**started, "id": "b"}]) == 1
