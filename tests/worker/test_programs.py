"""Programs of handlers in real workers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import RedisProcess, RelayProcess, eventually
from tests.worker.test_aside import is_running


@pytest.fixture
def front(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--grace", "5")
    front.start()
    yield front
    front.stop()


@pytest.fixture
def worker(redis: RedisProcess, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RelayProcess]:
    """With the reactor that a test names, else with the usual one."""
    jobs = ("--jobs", "tests.worker.aside_jobs", "--drain", "0.2")
    reactor = ("--reactor", request.param) if hasattr(request, "param") else ()
    worker = RelayProcess(tmp_path, "worker", "--redis", redis.url, *jobs, *reactor)
    worker.start()
    yield worker
    assert worker.process is not None
    worker.kill()
    assert worker.tracebacks() == 0


def begin(front: RelayProcess, name: str, tell: Path) -> tuple[str, list[int]]:
    """Submit a job that runs programs; its address, and their processes once they run."""
    accepted = front.call("POST", f"/jobs/{name}", {"tell": str(tell)}, {"Prefer": "respond-async"})
    eventually(tell.exists, "the programs run")
    processes = [int(id) for id in tell.read_text().split()]
    assert all(map(is_running, processes))
    return accepted.headers["location"], processes


def all_end(processes: list[int]) -> None:
    eventually(lambda: not any(map(is_running, processes)), "no program is left")


@pytest.mark.parametrize(
    "worker",
    [pytest.param(name, marks=pytest.mark.long) for name in ("uvloop", "epoll")] + ["asyncio"],
    indirect=True,
)
def test_a_handler_pauses_and_calls_in_threads_and_runs_programs(
    front: RelayProcess, worker: RelayProcess
) -> None:
    assert (
        front.call("POST", "/jobs/rest", {"seconds": 0.01}).json()["result"].startswith("PoolThread-handlers")
    )
    assert front.call("POST", "/jobs/rest_in_thread").json()["result"] == 1


def test_a_cancelled_job_leaves_no_program(front: RelayProcess, worker: RelayProcess, tmp_path: Path) -> None:
    location, processes = begin(front, "run_long", tmp_path / "ids")
    front.call("DELETE", location)
    all_end(processes)


def test_a_job_whose_time_is_over_leaves_no_program_even_if_nobody_waited_for_it(
    front: RelayProcess, worker: RelayProcess, tmp_path: Path
) -> None:
    location, processes = begin(front, "run_too_long", tmp_path / "ids")
    all_end(processes)
    eventually(lambda: front.call("GET", location).json()["state"] == "failed", "the job has ended")


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_worker_that_ends_leaves_no_program(
    front: RelayProcess, worker: RelayProcess, tmp_path: Path, number: signal.Signals
) -> None:
    _, processes = begin(front, "run_long", tmp_path / "ids")
    worker.signal(number)
    all_end(processes)
