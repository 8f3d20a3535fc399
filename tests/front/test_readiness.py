"""Whether a front is ready, as its load balancer hears it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from twisted.internet.task import Clock

from relay.front.readiness import STALE, Readiness
from tests.processes import Client, RedisProcess, RelayProcess, eventually, free_port


def test_a_front_is_ready_while_the_store_answers_and_workers_serve() -> None:
    clock, catalogue = Clock(), SimpleNamespace(is_served=True)
    readiness = Readiness(clock.seconds, catalogue)  # type: ignore[arg-type]
    assert readiness.why_not() == "the store is away"  # nothing was heard of it yet
    readiness.swept()
    assert readiness.why_not() == ""
    clock.advance(STALE + 1)
    assert readiness.why_not() == "the store is away"
    readiness.swept()
    catalogue.is_served = False
    assert readiness.why_not() == "no worker serves any job"
    readiness.missed()
    assert readiness.why_not() == "the store is away"
    readiness.missed("Redis refuses: MISCONF no")
    assert readiness.why_not() == "Redis refuses: MISCONF no"


def test_a_front_is_ready_while_one_partition_answers() -> None:
    clock, catalogue = Clock(), SimpleNamespace(is_served=True)
    readiness = Readiness(clock.seconds, catalogue, 3)  # type: ignore[arg-type]
    readiness.missed("Redis refuses: OOM no", 0)
    assert readiness.why_not() == "Redis refuses: OOM no"
    readiness.swept(1)
    readiness.missed("the store is away", 2)
    clock.advance(STALE + 2)  # it is swept every third second
    assert readiness.why_not() == ""
    readiness.missed("Redis refuses: OOM no", 1)
    assert readiness.why_not() == "Redis refuses: OOM no"


def ready(front: RelayProcess) -> tuple[int, str]:
    answer = front.call("GET", "/readyz")
    said = answer.json()
    assert said["ready"] is (answer.status == 200)
    assert said["held"] == 0
    return answer.status, said.get("why", "")


def test_readyz_says_why_no_work_is_taken_and_healthz_that_the_front_turns(
    server: RedisProcess, tmp_path: Path
) -> None:
    options = ("--redis", server.url, "--drain", "1")
    front = RelayProcess(tmp_path, "front", *options)
    front.start()
    eventually(lambda: ready(front) == (503, "no worker serves any job"), "it has found no worker")
    worker = RelayProcess(tmp_path, "worker", *options, "--jobs", "relay.jobs")
    worker.start()
    eventually(lambda: ready(front) == (200, ""), "it has found the worker")
    server.signal(signal.SIGSTOP)
    eventually(lambda: ready(front) == (503, "the store is away"), "it misses the store")
    answer = front.call("GET", "/healthz")
    assert (answer.status, answer.json()) == (200, {"alive": True})
    server.signal(signal.SIGCONT)
    eventually(lambda: ready(front) == (200, ""), "the store is back")
    worker.stop()
    server.client.zadd("{r0}:served", dict.fromkeys(server.client.zrange("{r0}:served", 0, -1), 1))
    server.client.incr("{r0}:catalogue")  # as if half a minute had passed
    eventually(lambda: ready(front) == (503, "no worker serves any job"), "it misses the worker")
    front.stop()


def why_operators_hear(port: int) -> str:
    with Client(port) as client:
        client.request("GET", "/readyz")
        answer = client.response()
    said = answer.json()
    assert said["ready"] is (answer.status == 200)
    return str(said.get("why", ""))


@pytest.fixture
def told(server: RedisProcess, tmp_path: Path) -> Iterator[tuple[RelayProcess, int]]:
    """A front beside a worker, and the port of the front's admin listener."""
    port, redis = free_port(), ("--redis", server.url, "--drain", "1")
    front = RelayProcess(tmp_path, "front", *redis, "--admin", f"tcp:{port}:interface=127.0.0.1")
    worker = RelayProcess(tmp_path, "worker", *redis, "--jobs", "relay.jobs")
    for process in (front, worker):
        process.start()
    eventually(lambda: ready(front) == (200, ""), "it is ready")
    yield front, port
    for process in (front, worker):
        process.stop()


def is_said(word: str, front: RelayProcess, port: int) -> None:
    """That Redis refuses with this word, "" for nothing, is heard by balancers and by operators."""

    def fits(why: str) -> bool:
        return why.startswith(f"Redis refuses: {word} ") if word else why == ""

    eventually(lambda: fits(ready(front)[1]), f"the front says {word or 'nothing'}")
    eventually(lambda: fits(why_operators_hear(port)), f"the listener says {word or 'nothing'}")


@pytest.mark.long
def test_what_redis_refuses_is_why_no_work_is_taken(
    server: RedisProcess, told: tuple[RelayProcess, int]
) -> None:
    server.client.config_set("min-replicas-to-write", 1)
    is_said("NOREPLICAS", *told)
    with Client(told[1]) as client:
        client.request("POST", "/api/overview", {})
        assert client.response().json()["store"]["refuses"].startswith("NOREPLICAS ")
    server.client.config_set("min-replicas-to-write", 0)
    is_said("", *told)
    server.client.config_set("maxmemory", 1000)  # which sweeps may go beyond
    assert told[0].call("POST", "/jobs/echo", {}).json()["type"] == "/problems/store-full"
    is_said("OOM", *told)
    server.client.config_set("maxmemory", 0)
    is_said("", *told)


@pytest.mark.long
def test_a_replica_takes_no_work(server: RedisProcess, told: tuple[RelayProcess, int]) -> None:
    server.client.execute_command("REPLICAOF", "127.0.0.1", 1)
    is_said("READONLY", *told)
    server.client.execute_command("REPLICAOF", "NO", "ONE")
    is_said("", *told)


def test_looking_costs_the_store_nothing(redis: RedisProcess, tmp_path: Path) -> None:
    front = RelayProcess(tmp_path, "front", "--redis", redis.url, "--drain", "1")
    front.start()
    with front.connect() as client:
        before = redis.client.info("stats")["total_commands_processed"]
        for _ in range(1000):
            client.request("GET", "/readyz")
            client.response()
        assert redis.client.info("stats")["total_commands_processed"] - before < 1000  # sweeps, and this look
    front.stop()
