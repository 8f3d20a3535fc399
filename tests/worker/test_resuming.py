"""Jobs that go on from their checkpoints, through real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import RedisProcess, RelayProcess, eventually


def drains(worker: RelayProcess) -> None:
    worker.stop()


def dies(worker: RelayProcess) -> None:
    worker.kill()


class Place:
    def __init__(self, redis: RedisProcess, directory: Path) -> None:
        self._redis = redis
        self._directory = directory
        self.front = RelayProcess(directory, "front", "--redis", redis.url, "--grace", "30")
        self.front.start()
        self._workers: list[RelayProcess] = []

    def worker(self) -> RelayProcess:
        options = "--redis", self._redis.url, "--jobs", "tests.worker.resuming_jobs"
        worker = RelayProcess(self._directory, "worker", *options, "--drain", "0.2", "--lease", "2")
        worker.start()
        self._workers.append(worker)
        return worker

    def submit(self, job: str, path: Path) -> str:
        """A job, once it has kept its checkpoint."""
        given = {"path": str(path)}, {"Prefer": "respond-async"}

        def submitted() -> str:
            return str(self.front.call("POST", f"/jobs/{job}", *given).json().get("id", ""))

        id: str = eventually(submitted, "the job is known")
        eventually(path.exists, "its checkpoint is kept")
        return id

    def outcome(self, id: str) -> dict:
        ended: dict = self.front.call("GET", f"/jobs/{id}", headers={"Prefer": "wait=18"}).json()
        return ended

    def stop(self) -> None:
        for process in (*self._workers, self.front):
            process.stop()


@pytest.fixture
def place(redis: RedisProcess, tmp_path: Path) -> Iterator[Place]:
    place = Place(redis, tmp_path)
    yield place
    place.stop()


@pytest.mark.parametrize(
    ("ends", "job"),
    [
        pytest.param(drains, "resumes", marks=pytest.mark.long),
        (drains, "resumes_once"),
        pytest.param(drains, "resumes_in_a_thread", marks=pytest.mark.long),
        pytest.param(dies, "resumes_once", marks=pytest.mark.long),
    ],
)
def test_a_job_goes_on_in_another_worker(
    place: Place, tmp_path: Path, ends: Callable[[RelayProcess], None], job: str
) -> None:
    first = place.worker()
    id = place.submit(job, tmp_path / "kept")
    place.worker()
    ends(first)
    assert place.outcome(id).get("result") == {"from": 1}
    assert (tmp_path / "kept").read_text() == "kept\n"


def test_a_handler_can_keep_where_it_is_as_it_is_stopped(place: Place, tmp_path: Path) -> None:
    first = place.worker()
    id = place.submit("says_it_as_it_goes", tmp_path / "kept")
    place.worker()
    drains(first)
    assert place.outcome(id).get("result") == {"from": 1, "why": "drain"}


def test_a_store_that_forgot_everything_is_told_again(
    place: Place, redis: RedisProcess, tmp_path: Path
) -> None:
    first = place.worker()
    id = place.submit("resumes_once", tmp_path / "kept")
    redis.client.flushall()
    eventually(lambda: redis.client.hexists("{r0}:checkpoint", id), "the checkpoint is there again")
    place.worker()
    drains(first)
    assert place.outcome(id).get("result") == {"from": 1}
