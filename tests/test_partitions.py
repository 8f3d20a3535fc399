"""A front and a worker with several partitions on one real server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.model.ids import partition_of
from relay.model.settings import SettingError, Settings
from relay.process.everything import everything
from tests.processes import ROOT, RedisProcess, RelayProcess, eventually

ASYNC = {"Prefer": "respond-async"}
NAMED = ("--partitions", "3", "--store-name", "orders")


def processes(redis: RedisProcess, directory: Path, *given: str) -> tuple[RelayProcess, RelayProcess]:
    shared = ("--redis", redis.url, *given, "--drain", "1")
    worker = RelayProcess(directory, "worker", "--jobs", "tests.sample_jobs", *shared)
    return RelayProcess(directory, "front", "--grace", "0.5", *shared), worker


@pytest.fixture
def front(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    """A front, beside a worker."""
    front, worker = processes(redis, tmp_path, *NAMED)
    worker.start()
    front.start()
    eventually(lambda: front.call("POST", "/jobs/whoami").status == 200, "the jobs are known")
    yield front
    for each in (front, worker):
        each.stop()


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """What a command of an operator says."""
    line = [sys.executable, "-m", "relay.commands.main", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=20, check=False)


def test_clients_notice_nothing_of_partitions_and_operators_need_not_know_of_them(
    front: RelayProcess, redis: RedisProcess
) -> None:
    ended = [front.call("POST", "/jobs/area", {"box": {"width": n, "height": 2}}) for n in range(6)]
    assert [answer.json()["result"] for answer in ended] == [0, 2, 4, 6, 8, 10]
    assert {partition_of(answer.json()["id"]) for answer in ended} == {0, 1, 2}
    keyed = {key: front.call("POST", "/jobs/whoami", headers={"Idempotency-Key": key}) for key in "abcdef"}
    for key, first in keyed.items():
        again = front.call("POST", "/jobs/whoami", headers={"Idempotency-Key": key})
        found = front.call("GET", f"/jobs/whoami/{key}")
        assert again.json()["id"] == found.json()["id"] == first.json()["id"]
    assert len({partition_of(answer.json()["id"]) for answer in keyed.values()}) > 1
    later = [front.call("POST", "/jobs/patient", headers=ASYNC) for _ in range(3)]
    assert [answer.status for answer in later] == [202] * 3
    for answer in later:
        path = f"/jobs/{answer.json()['id']}"
        eventually(lambda path=path: front.call("GET", path).json()["state"] == "running", "it runs")
        assert front.call("DELETE", path).status < 300
        eventually(lambda path=path: front.call("GET", path).json()["state"] == "cancelled", "it stopped")
    for number in range(4):
        assert front.call("GET", f"/jobs/{number}-zzzzzzzz-aaaaaaaaaaaaaaaa").status in (404, 410)
    listed = command("jobs", "--state", "cancelled", "--json", "--redis", redis.url, "--store-name", "orders")
    for answer in later:
        assert answer.json()["id"] in listed.stdout, listed.stderr
    assert all(key.startswith(b"{orders.r") for key in redis.client.keys("*"))


@pytest.mark.long
def test_a_process_that_was_told_another_number_of_partitions_ends_and_says_both(
    front: RelayProcess, redis: RedisProcess, tmp_path: Path
) -> None:
    told = RelayProcess(
        tmp_path, *("front", "--redis", redis.url, "--partitions", "2", "--store-name", "orders")
    )
    told.start()
    told.wait_for(r"--redis: the data set was made for --partitions 3, not 2")
    eventually(lambda: told.process is not None and told.process.poll() == 1, "it ends")


def test_the_embedded_redis_has_one_partition() -> None:
    from twisted.internet import reactor

    with pytest.raises(SettingError, match="--partitions: the embedded Redis has one"):
        everything(reactor, Settings(partitions=3))
