"""What becomes of Celery's tasks while relay's workers come and go: each runs once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes import ROOT, LoggedProcess, RedisProcess, RelayProcess, eventually

pytestmark = pytest.mark.processes

PLACES = 4  # tasks that Celery's worker runs at once
LATER = {"Prefer": "respond-async"}


Around = tuple[RedisProcess, LoggedProcess, dict[str, str]]


@dataclass
class Place:
    """A Redis, a worker of Celery's, a front, and as many workers of relay's as a test starts."""

    redis: RedisProcess
    celery: LoggedProcess
    environment: dict[str, str]
    front: RelayProcess
    workers: list[RelayProcess] = field(default_factory=list)

    def worker(self) -> RelayProcess:
        options = (
            "--redis",
            self.redis.url,
            "--jobs",
            "tests.celery.bridged_jobs",
            "--drain",
            "0.5",
            "--lease",
            "2",
        )
        worker = RelayProcess(self.redis.directory, "worker", *options, environment=self.environment)
        worker.start()
        self.workers.append(worker)
        return worker

    def submit(self, job: str, *args: object) -> str:
        def submitted() -> str:
            said = self.front.call("POST", f"/jobs/{job}", {"args": args}, LATER).json()
            return str(said.get("id", ""))

        id: str = eventually(submitted, "the job is known")
        return id

    def outcome(self, id: str) -> dict:
        ended: dict = self.front.call("GET", f"/jobs/{id}", headers={"Prefer": "wait=18"}).json()
        assert ended["complete"], ended
        return ended


@pytest.fixture(scope="module")
def celery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Around]:
    directory = tmp_path_factory.mktemp("celery")
    redis = RedisProcess(directory)
    redis.start()
    path = redis.url.removeprefix("unix://")
    broker, backend = (f"redis+socket://{path}?virtual_host={database}" for database in (0, 1))
    environment = {
        **os.environ,
        "CELERY_BROKER": broker,
        "CELERY_BACKEND": backend,
        "PYTHONPATH": str(ROOT),
        "BRIDGE_BROKER": redis.url,
        "BRIDGE_BACKEND": f"{redis.url}?db=1",
    }
    command = [sys.executable, "-m", "celery", "-A", "tests.celery.project", "worker"]
    worker = LoggedProcess(
        [*command, "-c", str(PLACES), "-l", "INFO", "--without-mingle"], environment, directory
    )
    worker.start()
    worker.wait_for(r"celery@.* ready")
    yield redis, worker, environment
    worker.stop()
    redis.stop()


@pytest.fixture
def place(celery: Around) -> Iterator[Place]:
    redis, worker, environment = celery
    front = RelayProcess(
        redis.directory, "front", "--redis", redis.url, "--grace", "30", environment=environment
    )
    front.start()
    place = Place(redis, worker, environment, front)
    yield place
    for process in (*place.workers, front):
        process.stop()


def drains(worker: RelayProcess) -> None:
    worker.stop()


def dies(worker: RelayProcess) -> None:
    worker.kill()


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def holder(place: Place, id: str) -> str:
    """The session that runs a job."""
    run = place.redis.client.hget("{r0}:run", id) or b""
    return run.decode().partition(" ")[0]


@pytest.mark.parametrize("job", [pytest.param("gated", marks=pytest.mark.long), "gated_once"])
@pytest.mark.parametrize("ends", [drains, pytest.param(dies, marks=pytest.mark.long)])
def test_a_successor_waits_for_the_task_that_is_there(
    place: Place, tmp_path: Path, ends: Callable[[RelayProcess], None], job: str
) -> None:
    ran, gate = tmp_path / "ran", tmp_path / "gate"
    first = place.worker()
    id = place.submit(job, str(ran), str(gate))
    eventually(lambda: lines(ran), "the task has begun")
    before = holder(place, id)
    place.worker()
    ends(first)
    eventually(lambda: holder(place, id) not in ("", before), "the successor has the job")
    gate.touch()
    ended = place.outcome(id)
    assert (ended["state"], ended.get("result")) == ("succeeded", "done"), ended
    assert lines(ran) == [f"begin relay-{id}.1", f"end relay-{id}.1"]


def test_a_worker_that_leaves_says_what_becomes_of_its_jobs_and_nothing_of_redis(
    place: Place, tmp_path: Path
) -> None:
    ran, gate, worker = tmp_path / "ran", tmp_path / "gate", place.worker()
    id = place.submit("gated", str(ran), str(gate))
    eventually(lambda: lines(ran), "the task has begun")
    drains(worker)
    gate.touch()
    assert "the drain is over: 1 jobs are given back" in worker.log_tail(1000)
    assert "is away" not in worker.log_tail(1000)
    place.worker()
    assert place.outcome(id)["result"] == "done"


@pytest.mark.parametrize("ends", [drains, pytest.param(dies, marks=pytest.mark.long)])
def test_a_result_that_nobody_heard_is_found(
    place: Place, tmp_path: Path, ends: Callable[[RelayProcess], None]
) -> None:
    ran, gate = tmp_path / "ran", tmp_path / "gate"
    first = place.worker()
    id = place.submit("gated_once", str(ran), str(gate))
    eventually(lambda: lines(ran), "the task has begun")
    ends(first)
    gate.touch()
    eventually(lambda: len(lines(ran)) == 2, "the task has ended")
    place.worker()
    assert place.outcome(id)["result"] == "done"
    assert len(lines(ran)) == 2


def test_a_task_that_was_not_begun_when_its_worker_went_is_begun_once(place: Place, tmp_path: Path) -> None:
    """Nor is it queued again by the successor."""
    gate, first = tmp_path / "gate", place.worker()
    busy = [place.submit("gated", str(tmp_path / "busy"), str(gate)) for _ in range(PLACES)]
    eventually(lambda: len(lines(tmp_path / "busy")) == PLACES, "Celery has no place left")
    id = place.submit("gated", str(tmp_path / "ran"), str(gate))
    marked = f"relay-pushed-relay-{id}.1"
    eventually(lambda: place.redis.client.exists(marked), "the task is queued")
    before = holder(place, id)
    place.worker()
    dies(first)
    eventually(lambda: holder(place, id) not in ("", before), "the successor has the job")
    gate.touch()
    assert {place.outcome(other)["state"] for other in (id, *busy)} == {"succeeded"}
    assert lines(tmp_path / "ran") == [f"begin relay-{id}.1", f"end relay-{id}.1"]
    assert len(lines(tmp_path / "busy")) == 2 * PLACES


def test_a_cancelled_job_is_not_taken_for_one_that_goes_on(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    place.worker()
    busy = [place.submit("gated", str(tmp_path / "busy"), str(gate)) for _ in range(PLACES)]
    eventually(lambda: len(lines(tmp_path / "busy")) == PLACES, "Celery has no place left")
    id = place.submit("gated", str(tmp_path / "ran"), str(gate))
    eventually(lambda: place.redis.client.exists(f"relay-pushed-relay-{id}.1"), "the task is queued")
    place.front.call("DELETE", f"/jobs/{id}")
    assert place.outcome(id)["state"] == "cancelled"
    place.celery.wait_for(rf"Tasks flagged as revoked: relay-{id}\.1")
    gate.touch()
    for other in busy:
        place.outcome(other)
    place.celery.wait_for(rf"Discarding revoked task: .*relay-{id}\.1")
    assert lines(tmp_path / "ran") == []


def test_another_attempt_after_a_failure_is_another_task(place: Place, tmp_path: Path) -> None:
    place.worker()
    id = place.submit("second", str(tmp_path / "ran"))
    assert place.outcome(id)["result"] == "done"
    assert lines(tmp_path / "ran") == [f"begin relay-{id}.1", f"begin relay-{id}.2"]


@pytest.mark.long
def test_another_attempt_after_the_jobs_time_is_another_task(place: Place, tmp_path: Path) -> None:
    """The first is revoked: it goes on, but nobody waits for it."""
    ran, gate = tmp_path / "ran", tmp_path / "gate"
    place.worker()
    id = place.submit("short", str(ran), str(gate))
    eventually(lambda: f"begin relay-{id}.2" in lines(ran), "the second task has begun")
    gate.touch()
    ended = place.outcome(id)
    assert (ended["result"], ended["attempts"]) == ("done", 2)
    place.celery.wait_for(rf"Tasks flagged as revoked: relay-{id}\.1")
    assert sorted(line for line in lines(ran) if "begin" in line) == [
        f"begin relay-{id}.1",
        f"begin relay-{id}.2",
    ]
