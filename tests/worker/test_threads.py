"""Handlers that block or do not stop, in real processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import RedisProcess, RelayProcess, eventually


@pytest.fixture
def front(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--grace", "5")
    front.start()
    yield front
    front.stop()


@pytest.fixture
def worker(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    jobs = (
        "--jobs",
        "tests.worker.thread_jobs",
        "--jobs",
        "tests.sample_jobs",
        "--allow-private",
        "--drain",
        "0.2",
    )
    worker = RelayProcess(tmp_path, "worker", "--redis", redis.url, *jobs)
    worker.start()
    yield worker
    assert worker.process is not None
    worker.kill()


def begin(front: RelayProcess, name: str) -> str:
    """Submit a job; its address, once its handler runs."""
    location: str = front.call("POST", f"/jobs/{name}", headers={"Prefer": "respond-async"}).headers[
        "location"
    ]
    eventually(lambda: "progress" in look(front, location), f"{name} runs")
    return location


def look(front: RelayProcess, location: str) -> Any:
    return front.call("GET", location).json()


def test_a_thread_can_use_its_context(front: RelayProcess, worker: RelayProcess) -> None:
    assert front.call("POST", "/jobs/talk").json()["result"] == ["MainThread", True, False, 1]


def test_a_thread_calls_apis_through_the_reactor(front: RelayProcess, worker: RelayProcess) -> None:
    url = f"http://127.0.0.1:{front.port}/readyz"
    assert front.call("POST", "/jobs/lines_of", {"url": url}).json()["result"] == 1
    assert front.call("POST", "/jobs/wait_for_a_coroutine").json()["result"] == "MainThread"


@pytest.mark.parametrize(
    "name",
    [pytest.param("wait", marks=pytest.mark.long), "hang", pytest.param("cling", marks=pytest.mark.long)],
)
def test_a_cancelled_job_ends_whatever_its_handler_does(
    name: str, front: RelayProcess, worker: RelayProcess
) -> None:
    location = begin(front, name)
    front.call("DELETE", location)
    eventually(lambda: look(front, location)["state"] == "cancelled", "the job has ended")
    if name != "wait":  # which was interrupted
        worker.wait_for(rf"job \S+ \({name}\) does not stop: 1 of 200 places")


def test_a_job_whose_thread_hangs_as_its_worker_ends_is_postponed(
    front: RelayProcess, worker: RelayProcess
) -> None:
    """So that the process is gone before the job is started elsewhere."""
    location = begin(front, "hang")
    worker.signal(signal.SIGTERM)
    eventually(lambda: look(front, location)["state"] == "scheduled", "the job is given back")
