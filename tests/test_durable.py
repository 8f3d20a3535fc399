"""Durable jobs in whole relays, on a Redis with a replica."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import RedisProcess, RelayProcess, eventually
from tests.store.durable_scene import Pair
from tests.topologies.sentinels import Sentinels

QUICK = ("--grace", "0.3", "--drain", "2")
JOBS = ("--jobs", "relay.jobs", "--jobs", "tests.sample_jobs")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    found = Pair(tmp_path)
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def front(pair: Pair, tmp_path: Path) -> Iterator[RelayProcess]:
    front = RelayProcess(tmp_path, "front", "--redis", f"redis://{pair.master.address}", *QUICK)
    front.start()
    yield front
    front.stop()


@pytest.fixture
def worker(pair: Pair, tmp_path: Path) -> Iterator[RelayProcess]:
    worker = RelayProcess(tmp_path, "worker", "--redis", f"redis://{pair.master.address}", *JOBS)
    worker.start()
    yield worker
    worker.stop()


@pytest.mark.long
def test_an_outcome_that_was_stored_before_its_worker_died_is_told_when_a_replica_has_it(
    pair: Pair, front: RelayProcess, worker: RelayProcess
) -> None:
    front.wait_until_jobs_are_known()
    with front.connect() as client:
        client.request("POST", "/jobs/sleep", {"seconds": 1}, {"Prefer": "durable, heartbeat=1"})
        status, headers, _ = client.head()
        assert (status, headers["preference-applied"]) == (200, "durable, heartbeat=1")
        pair.replica.hang()
        eventually(lambda: pair.master.ask("ZCARD", "{r0}:untold") == 1, "the job has ended")
        worker.kill()
        looked = front.call("GET", headers["location"]).json()
        assert (looked["state"], looked["durable"]) == ("running", True)
        pair.replica.go_on()
        *_, last = client.chunks()
        ended = json.loads(last)
    assert (ended["result"], ended["attempts"]) == ({"slept": 1.0}, 1)
    assert pair.master.ask("EXISTS", "{r0}:untold", "{r0}:ending") == 0


@pytest.mark.long
def test_a_replica_that_is_gone_from_the_start_makes_no_promise_and_one_that_comes_back_does(
    pair: Pair, tmp_path: Path
) -> None:
    pair.replica.hang()
    pair.master.ask("CLIENT", "KILL", "TYPE", "replica")
    at = "--redis", f"redis://{pair.master.address}"
    front = RelayProcess(tmp_path, "front", *at, *QUICK, "--durable", "replica")
    worker = RelayProcess(tmp_path, "worker", *at, *JOBS, "--durable", "replica")
    for process in (front, worker):
        process.start()
    try:
        front.wait_until_jobs_are_known()
        put = "PUT", "/jobs/echo/k", {"message": 7}, {"Prefer": "durable"}
        refused = front.call(*put)
        problem = refused.json()
        assert (refused.status, problem["type"]) == (503, "/problems/not-durable")
        pair.replica.go_on()
        answer = eventually(lambda: (got := front.call(*put)).status == 200 and got, "it is durable")
        assert (answer.json()["id"], answer.json()["result"]) == (problem["id"], 7)
    finally:
        for process in (front, worker):
            process.stop()


@pytest.mark.long
def test_a_relay_of_its_own_redis_has_durable_jobs_where_that_is_chosen(tmp_path: Path) -> None:
    options = "--data", str(tmp_path / "data"), *QUICK, *JOBS, "--durable", "disk"
    relay = RelayProcess(tmp_path, "all", *options)
    relay.start()
    try:
        relay.wait_until_jobs_are_known()
        answer = relay.call("POST", "/jobs/echo", {"message": 7}, {"Prefer": "durable"})
        assert (answer.status, answer.json()["result"]) == (200, 7)
        assert answer.headers["preference-applied"] == "durable"
    finally:
        relay.stop()


def test_none_is_lost_while_the_master_makes_way_and_a_replica_stays_with_it(
    sentinels: Sentinels, tmp_path: Path
) -> None:
    relay = RelayProcess(tmp_path, "all", "--redis", sentinels.url(), *QUICK, *JOBS)
    relay.start()
    making_way = threading.Thread(target=sentinels.failover)
    accepted, headers = [], {"Prefer": "durable, respond-async", "Relay-Delay": "60"}
    try:
        relay.wait_until_jobs_are_known()
        making_way.start()
        is_over = False
        while not is_over or not accepted:
            is_over = not making_way.is_alive()  # one more is asked for then
            answer = relay.call("POST", "/jobs/echo", {"message": 1}, headers)
            if answer.status == 202:
                accepted.append(answer.json()["id"])
            else:
                assert answer.json()["type"] in ("/problems/not-durable", "/problems/store-away")
        known = [relay.call("GET", f"/jobs/{id}") for id in accepted]
        assert [answer.status for answer in known] == [200] * len(known)
    finally:
        making_way.join()
        relay.stop()


def test_what_jobs_and_schedules_add_waits_where_nothing_can_prove_it_and_goes_on_where_something_can(
    server: RedisProcess, tmp_path: Path
) -> None:
    server.client.config_set("appendonly", "no")
    front = RelayProcess(tmp_path, "front", "--redis", server.url, *QUICK)
    worker = RelayProcess(tmp_path, "worker", "--redis", server.url, *JOBS, "--jobs", "tests.durable_jobs")
    for process in (front, worker):
        process.start()
    try:
        front.wait_until_jobs_are_known()
        problem = front.call("POST", "/jobs/paying", {"n": 7}).json()["error"]
        assert (problem["type"], problem["retryable"]) == ("/problems/not-durable", True)
        assert problem["detail"] == "it has no replica, and it keeps no append-only file (appendonly yes)"
        worker.wait_for("closing is not fired and stays due")
        assert (server.client.hlen("{r0}:job"), server.client.exists("{r0}:fired")) == (0, 0)
        server.client.config_set("appendonly", "yes")
        server.client.config_set("appendfsync", "always")
        server.client.client_kill_filter(_type="normal", skipme=True)
        answer = eventually(
            lambda: (got := front.call("POST", "/jobs/paying", {"n": 7})).json().get("result") and got,
            "it is paid",
        )
        assert answer.json()["result"] == 7
        eventually(lambda: server.client.exists("{r0}:fired"), "the schedule goes on")
    finally:
        for process in (front, worker):
            process.stop()
