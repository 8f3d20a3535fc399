"""What Prometheus reads is well-formed, and says what processes and the store told."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import NoReturn

import msgspec
import pytest
import pytest_twisted
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, succeed
from twisted.internet.task import Clock

from relay.admin.exposing import MetricRoutes
from relay.admin.metrics import exposition, form_of
from relay.admin.operators import Operator
from relay.http.request import Request
from relay.model.problems.request import StoreAway
from relay.operations.seen import (
    NameStatus,
    Overview,
    PartitionStatus,
    ProcessStatus,
    QueueStatus,
    StoreInfo,
)
from relay.telemetry.counts import Counts
from relay.telemetry.metrics import OF_STORE
from relay.telemetry.snapshot import ProcessInfo, Sample, Snapshot
from tests.admin.scene import Desk

FRONT = ProcessInfo("front-1", "front", "front 1", "host", 7, "1.0", 1000)
WORKER = ProcessInfo("worker-1", "worker", "worker 1", "host", 8, "1.0", 1000)
OVERVIEW = Overview(
    time=60_000,
    epoch="e",
    names=[NameStatus("resize", "media", 3, 18_000, 2, 1, 1, True, 0, 1)],
    queues=[QueueStatus("media", ("resize",), 3, 18_000, 2, 1, 0)],
    processes=[ProcessStatus("front-1", "front", "front 1", "host", 7, "1.0", 1000, 59_000)],
    store=StoreInfo(True, "8.1", 1 << 20, 1 << 30, "noeviction", "aof", 0, "master", 9, 120, 0.001, 77),
    queued=3,
    running=2,
    scheduled=1,
    dead=4,
    untold=2,
    oldest_untold=48_000,
    most_jobs=1000,
    partitions=(PartitionStatus(0, True, 3, 2, 1, 4, 99), PartitionStatus(1)),
)


def text(snapshots: list[Snapshot], overview: Overview | None) -> bytes:
    return exposition(snapshots, overview, form_of(""))


def told() -> list[Snapshot]:
    counts = Counts()
    counts.request_ended(200, "answered")
    counts.request_ended(429, "answered")
    counts.submitted("resize", "token:a", True)
    counts.limited('odd "name"\\\n', "rate")
    counts.script_run("submit", 0.002)
    counts.script_run("submit", 100.0)
    front = Snapshot(FRONT, {"relay_held_requests": [Sample((), 5.0)], **counts.samples("front")})
    return [front, Snapshot(WORKER, Counts().samples("worker"))]


def series(body: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = read(body.decode())
    return {
        (each.name, frozenset(each.labels.items())): each.value
        for family in families
        for each in family.samples
    }


def test_each_process_is_told_apart() -> None:
    found = series(text(told(), OVERVIEW))
    labels = {"process": "front-1", "role": "front", "status": "429", "end": "answered"}
    assert found["relay_requests_total", frozenset(labels.items())] == 1
    for process, role in (("front-1", "front"), ("worker-1", "worker")):
        assert found["relay_store_away_total", frozenset({("process", process), ("role", role)})] == 0


def test_a_histogram_is_cumulative() -> None:
    found = series(text(told(), None))
    own = {"process": "front-1", "role": "front", "verb": "submit"}

    def of(bound: str) -> float:
        return found["relay_redis_script_seconds_bucket", frozenset({**own, "le": bound}.items())]

    assert (of("0.001"), of("0.0025"), of("30.0"), of("+Inf")) == (0, 1, 1, 2)
    assert found["relay_redis_script_seconds_sum", frozenset(own.items())] == pytest.approx(100.002)


def test_the_store_tells_its_queues_and_how_long_they_wait() -> None:
    found = series(text([], OVERVIEW))
    assert found["relay_queue_oldest_seconds", frozenset({("queue", "media")})] == 42
    assert found["relay_queue_jobs", frozenset({("queue", "media")})] == 3
    assert found["relay_processes", frozenset({("role", "worker")})] == 0
    assert found["relay_untold_jobs", frozenset()] == 2
    assert found["relay_untold_oldest_seconds", frozenset()] == 12
    assert {name for name, _ in found} == set(OF_STORE)
    first, second = ({("partition", number)} for number in "01")
    assert found["relay_partition_up", frozenset(first)] == 1
    assert found["relay_partition_jobs", frozenset(first)] == 6
    assert found["relay_partition_up", frozenset(second)] == 0
    assert ("relay_partition_jobs", frozenset(second)) not in found


def test_a_store_that_is_away_is_told_as_that_and_processes_are_told_nevertheless() -> None:
    found = series(text(told(), None))
    assert found["relay_store_up", frozenset()] == 0
    assert ("relay_held_requests", frozenset({("process", "front-1"), ("role", "front")})) in found
    assert not any(name == "relay_jobs" for name, _ in found)


def test_what_another_version_told_in_another_form_is_left_out() -> None:
    odd = {
        "relay_held_requests": [Sample(("more",), 1.0)],
        "relay_redis_script_seconds": [Sample(("x",), 0, [1])],
    }
    older = msgspec.structs.replace(told()[0], samples={**odd, "relay_of_tomorrow": [Sample((), 1.0)]})
    assert {name for name, _ in series(text([older], None))} == {"relay_store_up"}


def test_openmetrics_is_written_where_it_is_accepted() -> None:
    form = form_of("application/openmetrics-text; version=1.0.0")
    body, kind = exposition(told(), OVERVIEW, form), form.kind
    assert kind.startswith("application/openmetrics-text")
    names = {family.name for family in read_openmetrics(body.decode())}
    assert "relay_requests" in names
    assert form_of("*/*").kind.startswith("text/plain")


def test_a_listener_tells_of_its_own_processes_and_of_all_where_that_is_asked(desk: Desk) -> None:
    desk.snapshots = told()
    own = desk.call("GET", "/metrics")
    assert own.headers["content-type"].startswith("text/plain")
    assert b'process="front-1"' in own.body
    assert b'process="worker-1"' not in own.body
    assert b"relay_store_up 1.0" in own.body
    assert b'process="worker-1"' in desk.call("GET", "/metrics?scope=store").body
    desk.away = True
    assert b'process="front-1"' in desk.call("GET", "/metrics").body


@pytest_twisted.ensureDeferred
async def test_a_store_that_is_away_is_waited_for_once() -> None:
    async def away() -> NoReturn:
        raise StoreAway

    async def never() -> NoReturn:
        raise AssertionError("it is asked again")

    def apart(function: Callable[..., object], *told: object) -> Deferred[object]:
        return succeed(function(*told))

    routes = MetricRoutes(told, never, away, Clock().seconds, apart)
    answer = await routes.metrics(Request("GET", b"/metrics?scope=store", "1.1", {}), Operator())
    assert b"relay_store_up 0.0" in answer.body


@pytest.mark.processes
@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    body = text(told(), OVERVIEW)
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_many_who_read_at_once_cost_one_text_which_is_made_in_a_thread() -> None:
    made: list[Deferred[bytes]] = []

    def apart(function: object, *told: object) -> Deferred[bytes]:
        assert function is exposition
        made.append(Deferred())
        return made[-1]

    async def overview() -> Overview:
        return OVERVIEW

    async def snapshots() -> list[Snapshot]:
        return told()

    clock = Clock()
    routes = MetricRoutes(told, snapshots, overview, clock.seconds, apart)
    asked = [
        ensureDeferred(routes.metrics(Request("GET", path, "1.1", {}), Operator()))
        for path in (b"/metrics", b"/metrics?x=1", b"/metrics?scope=store")
    ]
    assert len(made) == 2  # one for each scope
    made[0].callback(b"text")
    assert [each.result.body for each in asked[:2]] == [b"text"] * 2
    asked[2].addErrback(lambda failure: failure.trap(CancelledError)).cancel()
