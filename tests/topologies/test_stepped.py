"""The clock of a host that can be set costs its processes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.topologies.stepped import LIBRARY, SteppedClock

# one thread is busy, the other wants the interpreter's lock now and then: how long each of them ran, in nanoseconds
_THREADS = """
import threading, time

def ran():
    return int(open("/proc/thread-self/schedstat").read().split()[0])

def busy():
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        sum(range(1000))
    print("busy", ran())

def waiting():
    for _ in range(15):
        threading.Event().wait(0.02)
    print("waiting", ran())

for each in [threading.Thread(target=busy), threading.Thread(target=waiting)]:
    each.start()
"""


@pytest.mark.processes
@pytest.mark.skipif(LIBRARY is None, reason="needs libfaketime")
def test_a_thread_that_waits_for_the_interpreter_does_not_run(tmp_path: Path) -> None:
    environment = os.environ | SteppedClock(tmp_path / "clock").environment
    told = subprocess.run(
        [sys.executable, "-c", _THREADS], env=environment, check=True, capture_output=True, text=True
    ).stdout
    ran = {name: int(count) for name, count in map(str.split, told.splitlines())}
    assert ran["waiting"] < ran["busy"] / 4
