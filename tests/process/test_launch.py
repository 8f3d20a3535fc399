"""The way in which children are started."""

from __future__ import annotations

import subprocess
import sys

import pytest

from relay.process.launch import launched

PROGRAM = """
import os, signal
os.kill(os.getpid(), signal.{name})
print("goes on")
"""


@pytest.mark.processes
@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_an_order_that_comes_before_a_program_knows_it_does_not_end_it(name: str) -> None:
    program = [sys.executable, "-c", PROGRAM.format(name=name)]
    done = subprocess.run(launched(program), capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
