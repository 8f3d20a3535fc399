"""How much work a job is, counted and not timed: a change that adds over a tenth to it has to say so here."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import LOOPBACK, ROOT, LoggedProcess, RedisProcess, RelayProcess

#: as measured when last looked at; a tenth more is too much
CALLS_OF_A_FRONT = 178  # Python functions called for one held job
CALLS_OF_A_WORKER = 172  # on asyncio's loop
CALLS_FOR_A_COROUTINE = 225  # of a worker; a handler that awaits nothing ends within its first step
REDIS_COMMANDS = 41  # for one held job, those within scripts included
BYTES_OF_A_HOLD = 1_200  # of which 48 say whether a job is durable
BYTES_OF_A_STREAM = 2_000  # of a client that is told events, and is the only one who listens to its job
JOBS, HOLDS = 300, 300
MORE = 1.1


class Counting(RelayProcess):
    """A front or a worker that counts."""

    def __init__(self, role: str, redis: RedisProcess, directory: Path, *settings: str) -> None:
        command = [sys.executable, "-m", "bench.work", role, f"redis={redis.url}", *settings]
        LoggedProcess.__init__(self, command, {**os.environ, "PYTHONPATH": str(ROOT)}, directory)
        self.role, self.host = role, LOOPBACK
        self._asked = 0

    def start(self) -> None:
        LoggedProcess.start(self)
        if self.role == "front":
            self.port = int(self.wait_for(r"listens on http://127\.0\.0\.1:(\d+)")[1])
        else:
            self.wait_for("relay worker serves")

    def work(self) -> dict[str, int]:
        self._asked += 1
        self.signal(signal.SIGUSR1)
        self.wait_for("work: ", count=self._asked)
        lines = [line for line in self._lines if "work: " in line]
        counted: dict[str, int] = json.loads(lines[-1].partition("work: ")[2])
        return counted


@pytest.fixture
def counting(redis: RedisProcess, tmp_path: Path) -> Iterator[tuple[Counting, Counting]]:
    worker = Counting("worker", redis, tmp_path, "jobs=tests.sample_jobs", "drain=1")
    front = Counting("front", redis, tmp_path, "listen=tcp:0:interface=127.0.0.1", "grace=0.2", "drain=1")
    for process in (worker, front):
        process.start()
    yield front, worker
    for process in (front, worker):
        process.stop()


def commands(redis: RedisProcess) -> int:
    return sum(stat["calls"] for stat in redis.client.info("commandstats").values())


def test_a_held_job_is_no_more_work_than_it_was(
    redis: RedisProcess, counting: tuple[Counting, Counting]
) -> None:
    front, worker = counting
    with front.connect() as client:

        def ask(times: int) -> None:
            for number in range(times):
                client.request("POST", "/jobs/area", {"box": {"width": number, "height": 2}})
                assert client.response().json()["result"] == number * 2

        def ask_who(times: int) -> None:
            for _ in range(times):
                client.request("POST", "/jobs/whoami")
                assert client.response().json()["state"] == "succeeded"

        ask(50)
        before = front.work()["calls"], worker.work()["calls"], commands(redis)
        ask(JOBS)
        after = front.work()["calls"], worker.work()["calls"], commands(redis)
        ask_who(50)
        coroutines = worker.work()["calls"]
        ask_who(JOBS)
        coroutines = (worker.work()["calls"] - coroutines) / JOBS
    spent = [(b - a) / JOBS for a, b in zip(before, after, strict=True)]
    print("calls of a front, calls of a worker, Redis commands:", spent, "for a coroutine:", coroutines)  # noqa: T201
    assert spent[0] < CALLS_OF_A_FRONT * MORE
    assert spent[1] < CALLS_OF_A_WORKER * MORE
    assert coroutines < CALLS_FOR_A_COROUTINE * MORE
    assert spent[2] < REDIS_COMMANDS * MORE


@pytest.mark.parametrize(
    ("accept", "most"), [("*/*", BYTES_OF_A_HOLD), ("text/event-stream", BYTES_OF_A_STREAM)]
)
def test_a_hold_is_no_larger_than_it_was(counting: tuple[Counting, Counting], accept: str, most: int) -> None:
    front, _ = counting

    def hold(count: int) -> list:
        clients = [front.connect() for _ in range(count)]
        for client in clients:
            client.request("POST", "/jobs/patient", headers={"Accept": accept})
        for client in clients:
            client.head()
        return clients

    clients = hold(20)
    before = front.work()["bytes"]
    clients += hold(HOLDS)
    bytes_of_a_hold = (front.work()["bytes"] - before) / HOLDS
    print("bytes of a hold:", accept, bytes_of_a_hold)  # noqa: T201
    for client in clients:
        client.close()
    front.wait_until_nothing_is_held()
    assert bytes_of_a_hold < most * MORE
