"""Signals in any order: every process drains once, and only a second request to stop ends it early."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.process.signals import TOGETHER
from tests.processes import ROOT, LoggedProcess, RelayProcess, eventually

pytestmark = pytest.mark.processes

JOBS = """
import os
from twisted.internet import reactor
from twisted.internet.task import deferLater
from relay import job

def said(word):
    with open("said", "a") as file:
        file.write(f"{word}\\n")

async def work():
    said("begun")
    while not os.path.exists("told"):
        await deferLater(reactor, 0.05)
    said("ended")
    return "done"

@job
async def task(): return await work()

@job(once=True)
async def task_once(): return await work()
"""
ROLES = ("relay front", "relay worker", "valkey-server")


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    (tmp_path / "told.py").write_text(JOBS)
    relay = RelayProcess(
        tmp_path, "all", "--jobs", "told", "--grace", "0.2", "--heartbeat", "0.3", "--drain", "20"
    )
    relay.start()
    yield relay
    relay.stop()


def said(relay: RelayProcess) -> list[str]:
    path = relay.directory / "said"
    return path.read_text().split() if path.exists() else []


def everybody(relay: RelayProcess) -> list[int]:
    """The ids of all processes of a relay, its own last."""
    assert relay.process is not None
    return [pid for role in ROLES for pid in relay.children(role)] + [relay.process.pid]


def to_each(relay: RelayProcess, number: int) -> None:
    """As systemd does with ``KillMode=control-group``."""
    for pid in everybody(relay):
        os.kill(pid, number)


def ended(relay: RelayProcess) -> int:
    assert relay.process is not None
    return relay.process.wait(30)


def begin(relay: RelayProcess, job: str) -> None:
    headers = {"Prefer": "respond-async"}
    assert relay.call("PUT", f"/jobs/{job}/one", None, headers).status == 202
    eventually(lambda: said(relay) == ["begun"], "the job runs")


def tell(relay: RelayProcess) -> None:
    """Have jobs end."""
    (relay.directory / "told").touch()


def outcome(relay: RelayProcess, job: str) -> object:
    """Of the job, from a relay that was started again."""
    relay.start()
    return relay.call("GET", f"/jobs/{job}/one", None, {"Prefer": "wait=20, grace=20"}).json()["result"]


def replace_then_stop(relay: RelayProcess) -> None:
    relay.signal(signal.SIGHUP)
    relay.wait_for("the worker stops: 1 running jobs have 3600 s to end")
    relay.signal(signal.SIGTERM)


def stop_all_then_replace(relay: RelayProcess) -> None:
    to_each(relay, signal.SIGTERM)
    relay.signal(signal.SIGHUP)


def stop_twice_together(relay: RelayProcess) -> None:
    """As ``timeout`` does, to its child and to its group."""
    relay.signal(signal.SIGTERM)
    relay.signal(signal.SIGINT)


def stop_the_worker_then_all(relay: RelayProcess) -> None:
    (worker,) = relay.children("relay worker")
    os.kill(worker, signal.SIGTERM)
    relay.wait_for("the worker stops")
    to_each(relay, signal.SIGINT)


def hang_up_on_all_then_stop(relay: RelayProcess) -> None:
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        to_each(relay, number)
    to_each(relay, signal.SIGTERM)


@pytest.mark.parametrize(
    ("signals", "job"),
    [
        pytest.param(replace_then_stop, "task_once", marks=pytest.mark.long),
        pytest.param(stop_all_then_replace, "task_once", marks=pytest.mark.long),
        (stop_twice_together, "task"),
        pytest.param(stop_the_worker_then_all, "task", marks=pytest.mark.long),
        pytest.param(hang_up_on_all_then_stop, "task", marks=pytest.mark.long),
    ],
    ids=lambda given: given if isinstance(given, str) else given.__name__,
)
def test_however_signals_come_a_job_ends_within_the_drain(
    relay: RelayProcess, signals: Callable[[RelayProcess], None], job: str
) -> None:
    begin(relay, job)
    signals(relay)
    relay.wait_for("the worker stops")
    tell(relay)
    assert ended(relay) == 0
    assert said(relay) == ["begun", "ended"]
    if job == "task_once":  # else it would run again if nobody knew of its end
        assert outcome(relay, job) == "done"


def test_a_signal_to_the_whole_group_costs_no_client_its_answer(relay: RelayProcess) -> None:
    """The front sends it on: it is not cut."""
    with relay.connect() as client:
        client.request("POST", "/jobs/task")
        assert client.head()[0] == 200
        to_each(relay, signal.SIGTERM)
        envelope = json.loads(b"".join(client.chunks()))
    assert envelope["reattach"] is True
    relay.wait_for("1 held clients were told to attach elsewhere")
    tell(relay)
    assert ended(relay) == 0
    assert said(relay) == ["begun", "ended"]


def test_who_comes_while_workers_drain_is_refused_at_once(relay: RelayProcess) -> None:
    """And can ask another relay: this one has no front that would answer."""
    begin(relay, "task")
    relay.signal(signal.SIGTERM)
    relay.wait_for("this front has ended")
    with pytest.raises(ConnectionRefusedError):
        relay.connect()
    tell(relay)
    assert ended(relay) == 0


def test_a_second_request_to_stop_ends_all_at_once(relay: RelayProcess) -> None:
    begin(relay, "task")
    pids = everybody(relay)
    relay.signal(signal.SIGTERM)
    relay.wait_for("the worker stops")
    eventually(
        lambda: relay.signal(signal.SIGTERM) or relay.process.poll() is not None, "it stopped", TOGETHER * 3
    )  # type: ignore[union-attr, func-returns-value]
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids[:-1]), "they are gone")
    assert said(relay) == ["begun"]


EARLY = """
import os, signal
from relay.net import reactors
reactors.install({reactor!r})
from twisted.internet import reactor
from relay.process import signals

def asked():
    print("asked")
    stop()

stop = signals.Stop(reactor)
reactor.callWhenRunning(os.kill, os.getpid(), signal.SIGTERM)  # the reactor's own handlers are there by now
signals.install(reactor, asked)
reactor.run()
"""


@pytest.mark.parametrize("name", ["asyncio", "select"])
def test_a_request_to_stop_that_comes_as_the_reactor_begins_is_heard_by_relay(name: str) -> None:
    script = EARLY.format(reactor=name)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "asked\n", "")


def test_other_signals_end_no_child(relay: RelayProcess) -> None:
    before = everybody(relay)
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR2):
        for pid in before[:-1]:
            os.kill(pid, number)
    tell(relay)
    assert relay.call("POST", "/jobs/task").json()["result"] == "done"
    assert everybody(relay) == before


def test_a_reload_replaces_workers_only(relay: RelayProcess) -> None:
    fronts, workers = relay.children("relay front"), relay.children("relay worker")
    (relay.directory / "told.py").write_text(JOBS + "\n\n@job\ndef newer() -> int: return 1\n")
    assert relay.process is not None
    command = [sys.executable, "-m", "relay.commands.main", "reload", "--pid", str(relay.process.pid)]
    subprocess.run(command, check=True, timeout=30, env={**os.environ, "PYTHONPATH": str(ROOT)})
    relay.wait_for("relay worker serves .*newer")
    eventually(lambda: relay.call("POST", "/jobs/newer").status == 200, "the new handler is known")
    eventually(lambda: not set(workers) & set(relay.children("relay worker")), "the old one has gone")
    assert relay.children("relay front") == fronts


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGHUP, id="HUP"),
        pytest.param(signal.SIGUSR1, id="USR1", marks=pytest.mark.long),
        pytest.param(signal.SIGUSR2, id="USR2", marks=pytest.mark.long),
    ],
)
def test_what_comes_while_relay_begins_does_not_end_it(tmp_path: Path, number: int) -> None:
    """A reload, or the rotation of logs, which meets it while handlers are looked at."""
    (tmp_path / "slow.py").write_text(
        "import time\nfrom pathlib import Path\nfrom relay import job\n"
        "Path('looking').touch()\nwhile not Path('go').exists(): time.sleep(0.05)\n@job\ndef quick() -> int: return 1\n"
    )
    relay = RelayProcess(tmp_path, "all", "--jobs", "slow")
    LoggedProcess.start(relay)
    eventually((tmp_path / "looking").exists, "handlers are looked at")
    relay.signal(number)
    (tmp_path / "go").touch()
    relay.port = int(relay.wait_for(r"listens on http://127\.0\.0\.1:(\d+)")[1])
    eventually(lambda: relay.call("POST", "/jobs/quick").status == 200, "it serves")
    assert relay.stop() == 0


@pytest.mark.long
def test_one_that_was_replaced_does_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    """It had an hour beside its successor; without a parent it has the drain."""
    (tmp_path / "told.py").write_text(JOBS)
    relay = RelayProcess(tmp_path, "all", "--jobs", "told", "--grace", "0.2", "--drain", "1")
    relay.start()
    with relay.connect() as client:
        client.request("POST", "/jobs/task", {})
        eventually(lambda: said(relay) == ["begun"], "the job runs")
        relay.signal(signal.SIGUSR2)
        relay.wait_for("has? 3600 s left")
        processes = everybody(relay)
        relay.kill()
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), "nobody is left")
