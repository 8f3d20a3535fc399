"""relay as the first process of a container."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from relay.process import orphans
from tests.processes import ROOT, RelayProcess, eventually

pytestmark = pytest.mark.processes

JOBS = """
import subprocess
from relay import job

@job
def leave_behind():
    subprocess.Popen(["/bin/sh", "-c", "sleep 0.1 & sleep 0.1 &"]).wait()
"""
IN_A_NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def test_what_twisted_does_not_know_is_reaped() -> None:
    """In a process of its own, as it would reap those of other tests."""
    code = """
import os
from relay.process import orphans
if os.fork() == 0: os._exit(3)
while not orphans._ended(): pass
orphans.reap()
assert orphans._ended() == 0
"""
    subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=30, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("unshare") is None,
    reason="a namespace for processes takes root and unshare",
)
def test_what_handlers_leave_behind_is_reaped(tmp_path: Path) -> None:
    (tmp_path / "leaving.py").write_text(JOBS)
    relay = RelayProcess(tmp_path, "all", "--jobs", "leaving")
    relay._command = [*IN_A_NAMESPACE, *relay._command]
    relay.start()
    for _ in range(3):
        assert relay.call("POST", "/jobs/leave_behind").status == 200
    assert relay.process is not None
    (first,) = children(relay.process.pid)
    eventually(lambda: zombies(first) == [], "they are reaped", orphans.LOOK * 4)
    os.kill(first, signal.SIGTERM)
    assert relay.process.wait(30) == 0


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def zombies(first: int) -> list[str]:
    """The names of ended processes that wait for this one."""
    stats = [Path(f"/proc/{pid}/stat").read_text() for pid in children(first)]
    return [stat.split("(")[1].split(")")[0] for stat in stats if stat.rpartition(")")[2].split()[0] == "Z"]
