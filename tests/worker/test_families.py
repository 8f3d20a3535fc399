"""Jobs that submit jobs, through real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import RedisProcess, RelayProcess, eventually

JOBS = "tests.worker.family_jobs"
ASYNC = {"Prefer": "respond-async"}


class Home:
    """A front, and workers of five places each."""

    def __init__(self, redis: RedisProcess, directory: Path) -> None:
        self._redis = redis
        self._directory = directory
        self.front = RelayProcess(directory, "front", "--redis", redis.url, "--grace", "30")
        self.front.start()
        self.workers: list[RelayProcess] = []

    def worker(self, places: int = 5) -> RelayProcess:
        options = "--redis", self._redis.url, "--jobs", JOBS, "--concurrency", str(places)
        worker = RelayProcess(self._directory, "worker", *options, "--drain", "0.5", "--lease", "2")
        worker.start()
        self.workers.append(worker)
        eventually(
            lambda: self.front.call("POST", "/jobs/blocks", {"n": 1}).status == 200, "the jobs are known"
        )
        return worker

    def submit(self, name: str, **arguments: Any) -> str:
        return str(self.front.call("POST", f"/jobs/{name}", arguments, ASYNC).json()["id"])

    def outcome(self, id: str) -> dict[str, Any]:
        ended: dict[str, Any] = self.front.call("GET", f"/jobs/{id}", headers={"Prefer": "wait=18"}).json()
        return ended

    def begun(self, path: Path) -> tuple[str, str]:
        """A parent whose sub-job waits for a file: its id, and the process that runs it."""
        id = self.submit("waiting", path=str(path))
        eventually(path.with_suffix(".started").exists, "the sub-job waits")
        return id, path.with_suffix(".parent").read_text().split()[-1]

    def stop(self) -> None:
        for process in (*self.workers, self.front):
            process.stop()


@pytest.fixture
def home(redis: RedisProcess, tmp_path: Path) -> Iterator[Home]:
    home = Home(redis, tmp_path)
    yield home
    home.stop()


@pytest.mark.parametrize("name", ["family", pytest.param("family_in_threads", marks=pytest.mark.long)])
def test_more_parents_than_places_end(home: Home, name: str) -> None:
    home.worker(places=5)
    ids = [home.submit(name) for _ in range(12)]
    expected = {"family": 5, "family_in_threads": 10}[name]
    assert [home.outcome(id).get("result") for id in ids] == [expected] * 12


def test_three_levels_end_with_one_place(home: Home) -> None:
    home.worker(places=1)
    assert home.outcome(home.submit("family", depth=3, width=3)).get("result") == 27


def dies(worker: RelayProcess) -> None:
    worker.kill()


def drains(worker: RelayProcess) -> None:
    worker.stop()


@pytest.mark.parametrize("ends", [pytest.param(dies, marks=pytest.mark.long), drains])
def test_a_parent_finds_its_sub_jobs_again_in_another_worker(
    home: Home, tmp_path: Path, ends: Callable[[RelayProcess], None]
) -> None:
    home.worker(), home.worker()
    path = tmp_path / "there"
    id, pid = home.begun(path)
    holder = next(worker for worker in home.workers if worker.process and str(worker.process.pid) == pid)
    ends(holder)
    eventually(lambda: len(set(path.with_suffix(".parent").read_text().split())) == 2, "it is started again")
    path.write_text("content")
    size, content, child, starts = home.outcome(id)["result"]
    assert (size, content, starts) == (100_000, "content", 2)
    assert home.outcome(child)["result"] == "content"


def test_a_cancelled_parent_cancels_its_sub_jobs(home: Home, tmp_path: Path, redis: RedisProcess) -> None:
    home.worker()
    path = tmp_path / "there"
    id, _ = home.begun(path)
    assert home.front.call("DELETE", f"/jobs/{id}").status in (200, 202)
    assert home.outcome(id)["state"] == "cancelled"
    eventually(lambda: redis.client.hlen("{r0}:job") == 0, "the sub-job is cancelled, too")
    assert not redis.client.exists("{r0}:parents", "{r0}:orphans")


def test_a_parent_gets_its_outcomes_from_a_store_that_forgot_everything(
    home: Home, tmp_path: Path, redis: RedisProcess
) -> None:
    home.worker()
    path = tmp_path / "there"
    id, _ = home.begun(path)
    redis.client.flushall()
    eventually(lambda: redis.client.hlen("{r0}:job") == 2, "both jobs are known again")
    path.write_text("content")
    assert home.outcome(id)["result"][:2] == [100_000, "content"]


@pytest.mark.long
def test_two_thousand_sub_jobs_are_no_trouble_and_too_many_are_a_clear_error(home: Home) -> None:
    worker = home.worker(places=50)
    assert home.outcome(home.submit("many", count=2000)).get("result") == 2000
    ended = home.outcome(home.submit("many", count=100_000))
    assert ended["error"]["type"] == "/problems/too-many-sub-jobs"
    assert home.outcome(home.submit("many", count=3)).get("result") == 3
    assert worker.tracebacks() == 0
