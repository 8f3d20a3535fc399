"""A client's request through relay and real Celery workers, and back."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import valkey
from celery import Celery

from tests.processes import ROOT, LoggedProcess, RedisProcess, RelayProcess, Response, eventually

pytestmark = pytest.mark.processes

LATER = {"Prefer": "respond-async"}


@dataclass
class Stack:
    """What such a place has: Celery's Redis, its worker, and relay beside them."""

    redis: RedisProcess
    worker: LoggedProcess
    relay: RelayProcess
    client: Celery

    def call(self, job: str, *args: object, **kwargs: object) -> Response:
        return self.relay.call("POST", f"/jobs/{job}", {"args": args, "kwargs": kwargs})

    def submit(self, job: str, *args: object) -> str:
        id: str = self.relay.call("POST", f"/jobs/{job}", {"args": args}, LATER).json()["id"]
        return id

    def outcome(self, id: str) -> dict:
        return self.relay.call("GET", f"/jobs/{id}", headers={"Prefer": "wait=30"}).json()

    def state(self, id: str) -> dict:
        return self.relay.call("GET", f"/jobs/{id}").json()


@pytest.fixture(scope="module", params=["prefork", pytest.param("gevent", marks=pytest.mark.long)])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("celery")
    redis = RedisProcess(directory)
    redis.start()
    path = redis.url.removeprefix("unix://")
    celery = [f"redis+socket://{path}?virtual_host={database}" for database in (0, 1)]
    environment = {
        **os.environ,
        "CELERY_BROKER": celery[0],
        "CELERY_BACKEND": celery[1],
        "PYTHONPATH": str(ROOT),
        "BRIDGE_BROKER": redis.url,
        "BRIDGE_BACKEND": f"{redis.url}?db=1",
    }
    command = [sys.executable, "-m", "celery", "-A", "tests.celery.project", "worker", "-P", request.param]
    worker = LoggedProcess([*command, "-c", "2", "-l", "INFO", "--without-mingle"], environment, directory)
    worker.start()
    relay = RelayProcess(
        directory, "all", "--jobs", "tests.celery.bridged_jobs", "--grace", "30", environment=environment
    )
    relay.start()
    worker.wait_for(r"celery@.* ready")
    yield Stack(redis, worker, relay, Celery("client", broker=celery[0], backend=celery[1]))
    relay.stop()
    worker.stop()
    redis.stop()


def test_a_result_comes_back(stack: Stack) -> None:
    assert stack.call("add", 20, b=22).json()["result"] == 42
    assert stack.call("add", 1).json()["result"] == 2
    assert stack.call("when").json()["result"] == {"at": "2026-11-25T00:00:00+00:00", "list": [1, None]}


def test_many_at_once_come_back_each_to_its_own(stack: Stack) -> None:
    ids = [stack.submit("add", number, number) for number in range(50)]
    assert [stack.outcome(id)["result"] for id in ids] == [2 * number for number in range(50)]


def test_celerys_own_client_reads_what_relay_sent(stack: Stack) -> None:
    stack.call("add", 123, 456)
    ids = [
        line.partition("project.add[")[2].partition("]")[0]
        for line in stack.worker._lines
        if "project.add[" in line
    ]
    assert 579 in [stack.client.AsyncResult(id).get(timeout=10) for id in set(ids)]


def test_a_failure_has_the_exceptions_type(stack: Stack) -> None:
    failed = stack.call("fail", "nothing there")
    problem = failed.json()["error"]
    assert (failed.status, problem["type"]) == (500, "/problems/celery-failed")
    assert (problem["exc_type"], problem["detail"]) == ("LookupError", "nothing there, 7")


def test_a_task_that_celery_does_not_know_fails(stack: Stack) -> None:
    assert stack.call("unknown").json()["error"]["exc_type"] == "NotRegistered"


def test_states_on_the_way_are_progress(stack: Stack, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    id = stack.submit("steps", str(gate))
    shown = eventually(lambda: stack.state(id).get("progress"), "progress")
    assert shown == {"fraction": 0.25, "message": "progress"} or shown["message"] == "started"
    gate.touch()
    assert stack.outcome(id)["result"] == "done"


def test_a_task_that_is_retried_is_still_one_job(stack: Stack) -> None:
    assert stack.call("again").json()["result"] == 1


def test_a_cancelled_job_revokes_its_task(stack: Stack, tmp_path: Path) -> None:
    marked = tmp_path / "marked"
    id = stack.submit("later", str(marked))
    eventually(lambda: stack.redis.client.llen("later\x06\x166"), "the task is queued")
    revoked = stack.worker.wait_for
    stack.relay.call("DELETE", f"/jobs/{id}")
    assert stack.outcome(id)["state"] == "cancelled"
    revoked(r"Tasks flagged as revoked: relay-")
    stack.client.control.add_consumer("later", reply=True, timeout=2)
    stack.worker.wait_for(r"(Discarding revoked task|Task project\.mark\[\S+\] received)")
    assert stack.call("add", 1).json()["result"] == 2
    assert not marked.exists()


def test_a_result_that_never_comes_ends_by_the_jobs_time(stack: Stack) -> None:
    ended = stack.call("nowhere")
    assert (ended.json()["error"]["status"], ended.json()["error"]["type"]) == (
        504,
        "/problems/celery-timeout",
    )


def test_a_task_that_ignores_its_result_is_asked_for_one(stack: Stack) -> None:
    assert stack.call("silent").json()["result"] == 1


@pytest.mark.long
def test_a_broker_that_is_down_is_said_so(stack: Stack) -> None:
    """After a few starts, for nothing was queued; and the same key begins anew."""
    first, other = (
        stack.relay.call("PUT", "/jobs/away/key", {"args": [1]}, LATER).json()["id"] for _ in range(2)
    )
    assert first == other
    envelope = stack.outcome(first)
    problem = envelope["error"]
    assert (problem["type"], problem["status"], problem["retryable"]) == ("/problems/celery-away", 503, True)
    explained = stack.relay.call("GET", problem["type"])
    assert (explained.status, explained.json()["title"]) == (200, problem["title"])
    assert stack.relay.call("PUT", "/jobs/away/key", {"args": [1]}, LATER).json()["id"] != first


def running_steps(stack: Stack, gate: Path) -> tuple[str, str]:
    """The ids of a job that goes on until the gate is there, and of its task."""
    id = stack.submit("steps", str(gate))
    eventually(lambda: stack.state(id).get("progress", {}).get("message") == "progress", "progress")
    received = [line for line in stack.worker._lines if "project.steps[" in line and "received" in line]
    return id, received[-1].partition("project.steps[")[2].partition("]")[0]


def test_nonsense_on_the_channels_is_ignored(stack: Stack, tmp_path: Path) -> None:
    id, task = running_steps(stack, tmp_path / "gate")
    for message in (
        "no JSON",
        '{"task_id": "other", "status": "SUCCESS"}',
        '{"status": "SUCCESS"}',
        "[]",
        b"\xff",
    ):
        stack.redis.client.publish(f"celery-task-meta-{task}", message)
    (tmp_path / "gate").touch()
    assert stack.outcome(id)["result"] == "done"
    stack.redis.client.publish(f"celery-task-meta-{task}", f'{{"task_id": "{task}", "status": "FAILURE"}}')
    assert stack.state(id)["state"] == "succeeded"


def test_a_result_whose_publication_was_missed_is_found_when_the_connection_is_back(
    stack: Stack, tmp_path: Path
) -> None:
    id, task = running_steps(stack, tmp_path / "gate")
    with valkey.Valkey(unix_socket_path=stack.redis.url.removeprefix("unix://"), db=1) as backend:
        said = json.dumps({"task_id": task, "status": "SUCCESS", "result": "unheard"})
        backend.setex(f"celery-task-meta-{task}", 60, said)
        backend.client_kill_filter(_type="pubsub")
    assert stack.outcome(id)["result"] == "unheard"
    (tmp_path / "gate").touch()


def test_a_redis_that_is_restarted_in_the_middle_loses_no_result(stack: Stack, tmp_path: Path) -> None:
    id, _ = running_steps(stack, tmp_path / "gate")
    stack.redis.stop()
    stack.redis.start()
    (tmp_path / "gate").touch()
    assert stack.outcome(id)["result"] == "done"
    assert stack.call("add", 5).json()["result"] == 6
