"""Operators see and act, at real processes and a real Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import blockingCallFromThread, deferToThread

from relay.operations.seen import JobFilter
from relay.operations.store_operations import StoreOperations
from relay.redis.address import Address
from relay.redis.connection import Connection
from relay.redis.topology import topology_of
from relay.store.keys import Keys
from relay.store.operators import RedisOperatorStore
from relay.store.partition import Partition
from relay.store.router import Router
from relay.store.terms import StoreSettings
from tests.processes import RedisProcess, RelayProcess

QUICK = ("--grace", "0.3", "--heartbeat", "1", "--lease", "2", "--drain", "1")
Operator = Callable[[Callable[[StoreOperations], Awaitable[Any]]], Any]


@pytest.fixture
def operator(redis: RedisProcess) -> Iterator[Operator]:
    """Does something as an operator, from a thread."""
    from twisted.internet import reactor

    topology = topology_of(reactor, Address.parse(redis.url))
    partition = Partition(reactor, Connection(reactor, topology.server_of(Keys().tag)))
    store = RedisOperatorStore(
        Router([partition], topology), StoreSettings(keep=60, lease=2, queue_limit=1000)
    )
    store.start()
    yield lambda act: blockingCallFromThread(reactor, ensureDeferred, act(StoreOperations(store)))
    store.stop()


@pytest.fixture
def front(redis: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, *QUICK)
    front.start()
    yield front
    front.stop()


@pytest.fixture
def start_worker(redis: RedisProcess, tmp_path: Path) -> Iterator[Callable[[], RelayProcess]]:
    started: list[RelayProcess] = []

    def start() -> RelayProcess:
        jobs = ("--jobs", "relay.jobs", "--jobs", "tests.sample_jobs")
        worker = RelayProcess(tmp_path, "worker", "--redis", redis.url, *jobs, *QUICK)
        worker.start()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.stop()


@pytest.mark.parametrize("dies", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_pause_holds_whatever_becomes_of_workers_and_clients_wait(
    operator: Operator, front: RelayProcess, start_worker: Callable[[], RelayProcess], dies: bool
) -> Any:
    def play() -> None:
        worker = start_worker()
        front.wait_until_jobs_are_known()
        look()
        operator(lambda do: do.pause_queue("default", True))
        with front.connect() as client:
            client.request("POST", "/jobs/second_time", {}, {"Prefer": "wait=60"})
            front.wait_until_held(1)
            (row,) = operator(lambda do: do.jobs(JobFilter(state="queued"))).jobs
            assert operator(lambda do: do.job(row.id)).why_waiting == "paused"
            if dies:
                worker.kill()
                worker = start_worker()
            assert operator(lambda do: do.job(row.id)).row.state == "queued"
            operator(lambda do: do.pause_queue("default", False))
            assert client.response().json()["result"] == 2
        over = operator(lambda do: do.job(row.id))
        assert [(each.number, each.how, each.problem) for each in over.attempts] == [
            (1, "retried", "job-failed"),
            (2, "succeeded", ""),
        ]
        be_quiet(worker, over.process)

    def look() -> None:
        seen = operator(lambda do: do.overview())
        assert {"echo", "area"} <= {each.name for each in seen.names if each.served}
        assert [each.queue for each in seen.queues] == ["default"]
        assert (seen.store.reached, seen.store.role, seen.store.policy) == (True, "master", "noeviction")
        assert seen.store.memory > 0
        assert 0 < seen.store.latency < 1

    def be_quiet(worker: RelayProcess, name: str) -> None:
        operator(lambda do: do.quiet(name, True))
        worker.wait_for("an operator has this worker claim nothing more")
        with front.connect() as client:
            client.request("POST", "/jobs/echo", {}, {"Prefer": "wait=60"})
            front.wait_until_held(1)
            operator(lambda do: do.quiet(name, False))
            assert client.response().json()["state"] == "succeeded"

    return deferToThread(play)
