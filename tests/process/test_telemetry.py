"""Each process of a relay tells the store of itself, and its supervisor, which tells of all."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from relay.store.keys import Keys
from relay.telemetry.metrics import OF_PROCESSES
from relay.telemetry.snapshot import Snapshot, decode
from tests.processes import Client, RedisProcess, RelayProcess, eventually, free_port

pytestmark = [pytest.mark.processes, pytest.mark.long]


def told(redis: RedisProcess) -> dict[str, Snapshot]:
    """What processes have told last, by their titles."""
    found = [decode(value) for value in redis.client.hgetall(f"{Keys(0).tag}process").values()]
    return {each.info.title: each for each in found if each is not None}


def value(snapshot: Snapshot, name: str, *labels: str) -> float:
    return sum(sample.value for sample in snapshot.samples.get(name, []) if sample.labels == labels)


def test_processes_tell_what_they_did_and_the_supervisor_who_was_started_again(
    redis: RedisProcess, tmp_path: Path
) -> None:
    relay = RelayProcess(tmp_path, "all", "--redis", redis.url, "--drain", "1")
    relay.start()
    try:
        relay.wait_until_jobs_are_known()
        (worker,) = relay.children("worker")
        with relay.connect() as client:
            client.request("POST", "/jobs/sleep", {"seconds": 30})
            relay.wait_until_held(1)
            front = eventually(lambda: _held(redis), "the front tells that it holds a request")
            assert value(front, "relay_requests_total", "200", "answered") >= 1
            assert front.info.pid in relay.children("front")
        os.kill(worker, signal.SIGKILL)
        again = eventually(lambda: _restarted(redis), "the supervisor tells that a worker was killed")
    finally:
        relay.stop()
    assert again.info.role == "supervisor"
    assert {name for each in told(redis).values() for name in each.samples} <= set(OF_PROCESSES)
    assert {"front 1", "worker 1", "supervisor"} <= set(told(redis))


def _held(redis: RedisProcess) -> Snapshot | None:
    front = told(redis).get("front 1")
    return front if front is not None and front.info.held == 1 and front.info.oldest_held > 0 else None


def _restarted(redis: RedisProcess) -> Snapshot | None:
    supervisor = told(redis).get("supervisor")
    if supervisor is None or not value(supervisor, "relay_restarts_total", "worker", "killed"):
        return None
    return supervisor


def test_what_processes_tell_is_there_while_redis_is_away(server: RedisProcess, tmp_path: Path) -> None:
    admin = free_port()
    options = "--redis", server.url, "--admin", f"tcp:{admin}:interface=127.0.0.1", "--drain", "1"
    relay = RelayProcess(tmp_path, "all", *options)
    relay.start()
    try:
        relay.wait_until_jobs_are_known()
        server.signal(signal.SIGKILL)
        found = eventually(lambda: _lost(admin), "the front tells that it has lost Redis")
    finally:
        relay.stop()
    titles = set(re.findall(rb'title="([^"]*)"', found))
    assert {b"front 1", b"worker 1", b"supervisor"} <= titles


def _lost(port: int) -> bytes:
    """What is told, once the store is away for the supervisor, and lost for the front."""
    with Client(port) as client:
        client.request("GET", "/metrics")
        body = client.response().body
    lost = re.search(rb'relay_redis_connections_lost_total\{[^}]*role="front"\} [1-9]', body)
    return body if lost and b"relay_store_up 0.0" in body else b""
