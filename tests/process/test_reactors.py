"""Workers on each reactor, as real processes: what they wait with, how they end, and what they say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT, RedisProcess, RelayProcess, eventually
from tests.test_twistd import TWISTD, run

pytestmark = pytest.mark.processes

LOOPS = ("asyncio", "uvloop")
JOBS = ("--jobs", "tests.asyncio_jobs")
LINE = 1 + next(
    number
    for number, line in enumerate((ROOT / "tests/asyncio_jobs.py").read_text().splitlines())
    if "this line is named" in line
)
LATER = {"Prefer": "respond-async"}
#: what nobody wants to read in a log
NOISE = ("never awaited", "was destroyed", "Traceback", "ResourceWarning", "unclosed", "Event loop")

Start = Callable[..., RelayProcess]


@pytest.fixture
def front(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--grace", "0.3")
    front.start()
    yield front
    assert front.stop() == 0


@pytest.fixture
def start(front: RelayProcess, redis: RedisProcess, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker; it has to end in order."""
    started: list[RelayProcess] = []

    def worker(*options: str) -> RelayProcess:
        environment = {"PYTHONWARNINGS": "default::ResourceWarning:asyncio"}
        process = RelayProcess(
            tmp_path, "worker", "--redis", redis.url, *JOBS, *options, environment=environment
        )
        process.start()
        started.append(process)
        eventually(lambda: front.call("POST", "/jobs/which").status == 200, "the jobs are known")
        return process

    yield worker
    for process in started:
        assert process.stop() == 0


def result(front: RelayProcess, name: str, arguments: object = None) -> object:
    answer = front.call("POST", f"/jobs/{name}", arguments, {"Prefer": "wait=30, heartbeat=0"}).json()
    assert answer["state"] == "succeeded", answer
    return answer["result"]


@pytest.mark.parametrize(
    "name", ["asyncio", "uvloop", "epoll", pytest.param("select", marks=pytest.mark.long)]
)
def test_a_worker_waits_with_the_reactor_that_was_chosen_and_ends_without_noise(
    front: RelayProcess, start: Start, name: str
) -> None:
    worker = start("--reactor", name)
    assert result(front, "which") == name
    if name in LOOPS:
        for each in ("both", "leaves_generators", "leaves_the_loops_own_task"):
            result(front, each)
        assert result(front, "is_left_over") is True
        assert result(front, "programs") == ["said", "said", "said"]
        assert result(front, "in_a_thread") == ["in the worker's loop", "in a loop of its own"]
    assert worker.stop() == 0
    assert not [line for line in worker.log_tail().splitlines() if any(word in line for word in NOISE)]


def test_all_gives_its_workers_the_reactor_and_keeps_to_its_own(tmp_path: Path) -> None:
    relay = RelayProcess(tmp_path, "all", "--reactor", "uvloop", *JOBS)
    relay.start()
    assert result(relay, "which") == "uvloop"
    result(relay, "leaves_generators")
    relay.signal(signal.SIGUSR2)
    relay.wait_for("relay worker serves", count=2)
    assert relay.stop() == 0
    assert not [line for line in relay.log_tail().splitlines() if any(word in line for word in NOISE)]


@pytest.mark.parametrize("name", LOOPS)
def test_what_asyncio_awaits_hears_of_the_end_of_its_job(
    front: RelayProcess, start: Start, name: str
) -> None:
    worker = start("--reactor", name, "--drain", "0.5")
    cancelled, drained = (front.call("POST", "/jobs/sleeps", None, LATER).json()["id"] for _ in range(2))
    for id in (cancelled, drained):
        eventually(lambda id=id: "progress" in front.call("GET", f"/jobs/{id}").json(), "it sleeps")
    assert front.call("DELETE", f"/jobs/{cancelled}").status in (200, 202)
    worker.wait_for("heard that the job was stopped: cancelled")
    expired = front.call("POST", "/jobs/sleeps", None, {"Relay-Deadline": "0.5", "Prefer": "wait=20"}).json()
    assert expired["state"] == "expired"
    assert worker.stop() == 0
    worker.wait_for("heard that the job was stopped: drain")
    assert front.call("GET", f"/jobs/{drained}").json()["state"] == "queued"


def test_tasks_that_a_handler_leaves_behind_are_cancelled_and_named(
    front: RelayProcess, start: Start
) -> None:
    worker = start()
    result(front, "leaves_tasks")
    worker.wait_for(
        r"the handler of job \S+ \(leaves_tasks\) has ended, and 1 tasks .*: leaves_tasks.<locals>.left_behind"
    )
    assert result(front, "is_left_over") is False
    result(front, "begins_tasks_and_returns")
    worker.wait_for(r"\(begins_tasks_and_returns\) has ended, and 1 tasks that it began are cancelled: sleep")
    assert result(front, "is_left_over") is False


@pytest.mark.parametrize("reactor", ["asyncio", pytest.param("uvloop", marks=pytest.mark.long)])
def test_a_callback_can_not_end_a_worker(front: RelayProcess, start: Start, reactor: str) -> None:
    worker = start("--reactor", reactor)
    said = {
        "stop": "something has stopped the event loop: it goes on",
        "exit": r"a callback can't end this process \(SystemExit\): the event loop goes on",
        "interrupt": r"a callback can't end this process \(KeyboardInterrupt\): the event loop goes on",
    }
    for how, line in said.items():
        assert worker.process is not None
        assert result(front, "would_end_the_worker", {"how": how}) == worker.process.pid
        worker.wait_for(line)


def test_an_error_that_nobody_looks_at_is_logged_with_its_job(front: RelayProcess, start: Start) -> None:
    worker = start()
    id = front.call("POST", "/jobs/forgets_an_error").json()["id"]
    worker.wait_for(
        rf"job {id} \(forgets_an_error\): Task exception was never retrieved: ZeroDivisionError: nobody looks"
    )


@pytest.mark.parametrize(
    ("name", "reactor", "said"),
    [
        ("both", "epoll", "no running event loop .*start it with --reactor asyncio"),
        ("awaits_another_loops", "epoll", "await wasn't used with future .*start it with --reactor asyncio"),
        ("runs_a_loop", "asyncio", "running event loop .*make it async def and await the coroutine"),
        ("awaits_another_loops", "asyncio", "attached to a different loop .*made for another event loop"),
        ("forgets_that_it_is_a_thread", "asyncio", r"no running event loop .*call context.wait\(lambda"),
    ],
)
def test_a_mistake_with_asyncio_is_logged_with_what_to_do(
    front: RelayProcess, start: Start, name: str, reactor: str, said: str
) -> None:
    worker = start("--reactor", reactor)
    id = front.call("POST", f"/jobs/{name}").json()["id"]
    worker.wait_for(rf"job {id} \({name}\) failed in attempt 1 of 1: RuntimeError: .*{said}")


@pytest.mark.parametrize("name", ["asyncio", pytest.param("uvloop", marks=pytest.mark.long)])
def test_a_task_that_blocks_is_found_with_its_job_and_line(
    front: RelayProcess, start: Start, name: str
) -> None:
    worker = start("--reactor", name)
    id = front.call("POST", "/jobs/blocks_in_a_task", {"seconds": 2}).json()["id"]
    worker.wait_for(
        rf"has been blocked .*job {id} \(blocks_in_a_task\) blocks it, at .*asyncio_jobs.py:{LINE} in"
    )


@pytest.mark.parametrize("name", ["asyncio", pytest.param("uvloop", marks=pytest.mark.long)])
def test_a_worker_without_a_terminal_runs_jobs(
    front: RelayProcess, redis: RedisProcess, tmp_path: Path, name: str
) -> None:
    """The process forks after its event loop was made."""
    pidfile = tmp_path / "worker.pid"
    options = [f"--pidfile={pidfile}", "-l", str(tmp_path / "log"), "relay", "worker", "--redis", redis.url]
    command = [TWISTD, *options, *JOBS, "--reactor", name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=30)
    pid = int(pidfile.read_text())
    try:
        eventually(lambda: front.call("POST", "/jobs/which").status == 200, "the jobs are known")
        assert result(front, "which") == name
        assert result(front, "both") == "both"
        assert result(front, "programs") == ["said", "said", "said"]
    finally:
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not pidfile.exists(), "it has ended")
    assert "Traceback" not in (tmp_path / "log").read_text()


# -- the choice --


@pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's")
@pytest.mark.parametrize(
    ("twistds", "reactor"),
    [([], "relay.net.epoll.DirectEPollReactor"), (["--reactor", "poll"], "twisted.internet.pollreactor")],
    ids=["by default", "poll"],
)
def test_a_front_has_what_is_best_for_the_machine_unless_twistd_is_told_another(
    tmp_path: Path, redis: RedisProcess, twistds: list[str], reactor: str
) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--log-level", "debug")
    front._command[1:1] = twistds
    front.start()
    front.wait_for(f"reactor class: {reactor}")
    assert front.call("GET", "/absent").status == 404
    assert front.stop() == 0


def test_twistds_own_option_counts_where_relays_is_left_out(tmp_path: Path, redis: RedisProcess) -> None:
    process = RelayProcess(tmp_path, "worker", "--redis", redis.url, *JOBS)
    process._command[1:1] = ["--reactor", "poll"]
    process.start()
    front = RelayProcess(tmp_path, "front", "--redis", redis.url)
    front.start()
    eventually(lambda: front.call("POST", "/jobs/which").status == 200, "the jobs are known")
    assert result(front, "which") == "poll"
    assert (process.stop(), front.stop()) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["relay", "worker", "--reactor", "gevent"], "--reactor from the command line: Expected asyncio or"),
        (["relay", "--reactor", "kqueue"], "--reactor kqueue: this machine has none"),
        (["relay", "worker", "--reactor", "kqueue"], "--reactor kqueue: this machine has none"),
        (
            ["--reactor", "poll", "relay", "worker", "--reactor", "uvloop"],
            "--reactor uvloop: twistd's own --reactor says poll",
        ),
    ],
    ids=" ".join,
)
def test_a_reactor_that_can_not_be_had_is_one_clear_line(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    redis = ["--redis", "redis://127.0.0.1:1"] if "worker" in arguments else []
    status, errors = run(tmp_path, *arguments, *redis)
    (line,) = errors.strip().splitlines()
    assert (status, line.startswith("relay: ")) == (1, True)
    assert said in line


@pytest.mark.parametrize("role", ["all", "worker"])
def test_uvloop_that_is_not_installed_is_one_clear_line(tmp_path: Path, role: str) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError('as if it were not there')")
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    redis = ["--redis", "redis://127.0.0.1:1"] if role == "worker" else []
    status, errors = run(tmp_path, "relay", role, "--reactor", "uvloop", *redis, environment=environment)
    assert (status, errors) == (
        1,
        "relay: --reactor uvloop: uvloop is not installed: pip install 'relay[uvloop]'\n",
    )


def test_a_reactor_that_something_has_asked_for_before_is_named(tmp_path: Path) -> None:
    (tmp_path / "relay.tac").write_text(
        f"from twisted.internet import reactor\n{(ROOT / 'relay.tac').read_text()}"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RELAY_ROLE": "worker"}
    environment["RELAY_REDIS"] = "redis://127.0.0.1:1"
    command = [TWISTD, "-n", "--pidfile=", "-y", "relay.tac"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "relay: --reactor asyncio: epoll is there already: something imported" in done.stderr
