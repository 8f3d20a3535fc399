"""What tests have started ends with them, however they end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.processes import ROOT, LoggedProcess, eventually
from tests.started import start

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        sys.platform != "linux", reason="only Linux tells a process that its parent has ended"
    ),
]

#: stands for a process of pytest, and shows which processes it has
TESTS = """
import signal, sys
from pathlib import Path
from tests.processes import RedisProcess, RelayProcess

redis = RedisProcess(Path(sys.argv[1]) / "redis")
relay = RelayProcess(Path(sys.argv[1]) / "relay", "all", "--drain", "1")
for each in (redis, relay):
    each.directory.mkdir(exist_ok=True)
    each.start()
redis.signal(signal.SIGSTOP)
print("ids:", redis.process.pid, relay.process.pid, *relay.children(""), flush=True)
signal.pause()
"""


def is_running(process: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_tests_have_started_ends_when_they_are_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TESTS, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        found = [int(word) for word in tests.stdout.readline().split()[1:]]
        assert len(found) == 5  # a Redis that is stopped, a supervisor, its Redis, a front and a worker
        assert all(map(is_running, found))
        tests.kill()
    eventually(lambda: not any(map(is_running, found)), f"{found} have ended")


def test_what_a_thread_has_started_outlives_the_thread(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal; print('begins', flush=True); signal.pause()"]
    process = LoggedProcess(command, {}, tmp_path)
    thread = threading.Thread(target=process.start)
    thread.start()
    thread.join()
    process.wait_for("begins")
    assert process.stop() == -signal.SIGTERM


def test_a_program_has_the_signals_that_it_would_have_without() -> None:
    words = ["grep", "^Sig[BI]", "/proc/self/status"]
    without = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    with start(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.read() == without
