"""schemathesis draws requests from the description, good ones and bad ones, and each answer is a described one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, RelayProcess

pytestmark = pytest.mark.processes

HERE = Path(__file__).parent
#: paths that are tried by the shorter test: with a key in the path those of one job
SOME = r"^/(jobs/[a-z]+$|jobs/area/|jobs/\{|tickets|problems|readyz|healthz)"
OF_TICKETS = "^/tickets/"
SELECTED = {"": 35, SOME: 19, OF_TICKETS: 2}  # operations


def findings(
    relay: RelayProcess, tickets: list[str], tmp_path: Path, examples: int, seed: int, paths: str = ""
) -> str:
    """What it says if it finds something, "" for nothing."""
    words = [
        *(
            str(Path(sys.executable).parent / "schemathesis"),
            "--config-file",
            str(HERE / "schemathesis.toml"),
            "run",
        ),
        f"http://127.0.0.1:{relay.port}/openapi.json",
        # a job that was cancelled is there to be looked at, so that check is left out
        *("--checks", "all", "--exclude-checks", "use_after_free", "--request-timeout", "20", "--no-color"),
        *("--max-examples", str(examples), "--seed", str(seed)),
        *(("--include-path-regex", paths) if paths else ()),
        *(("--phases", "coverage,fuzzing") if paths == OF_TICKETS else ()),  # which no link leads to
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.openapi.hooks", "TICKETS": " ".join(tickets)}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **hooks}
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    assert f"Selected: {SELECTED[paths]}/35" in done.stdout
    return done.stdout[-20_000:] if done.returncode else ""


def test_no_answer_is_another_than_described(
    described_relay: RelayProcess, tickets: list[str], tmp_path: Path
) -> None:
    assert findings(described_relay, tickets, tmp_path, examples=5, seed=1, paths=SOME) == ""


def test_no_answer_to_a_ticket_is_another_than_described(
    described_relay: RelayProcess, tickets: list[str], tmp_path: Path
) -> None:
    assert findings(described_relay, tickets, tmp_path, examples=25, seed=1, paths=OF_TICKETS) == ""


@pytest.mark.long
def test_no_answer_to_many_requests_is_another_than_described(
    described_relay: RelayProcess, tickets: list[str], tmp_path: Path
) -> None:
    assert findings(described_relay, tickets, tmp_path, examples=40, seed=random.randrange(1_000_000)) == ""
