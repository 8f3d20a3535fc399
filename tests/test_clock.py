"""Clocks that are wrong, or are set while relay runs; Redis' own is right."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import ReactorBase
from twisted.internet.selectreactor import SelectReactor

from relay.timing import clock
from tests.processes import RedisProcess, RelayProcess

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
needs_faketime = pytest.mark.skipif(FAKETIME is None, reason="needs Debian's package libfaketime")
QUICK = ("--grace", "0.3", "--heartbeat", "1", "--drain", "1")

Start = Callable[..., RelayProcess]


@pytest.mark.parametrize("kind", [SelectReactor, AsyncioSelectorReactor])
def test_a_reactor_counts_seconds_that_go_on_evenly(kind: type[ReactorBase]) -> None:
    reactor = kind()
    clock.steady(reactor)
    assert abs(reactor.seconds() - time.monotonic()) < 60
    call = reactor.callLater(1000, lambda: None)
    assert abs(call.getTime() - time.monotonic() - 1000) < 60
    call.reset(10)
    assert abs(call.getTime() - time.monotonic() - 10) < 60
    call.cancel()


class Host:
    """A machine whose clock differs from Redis' by so much; it can be set."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock"
        self.environment = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # see tests/topologies/stepped.py
        }
        self.set("+0")

    def set(self, offset: str) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(offset)
        os.replace(new, self._file)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def start(server: RedisProcess, tmp_path: Path, host: Host) -> Iterator[Start]:
    """Starts a front or a worker, on the host with the other clock where that is said."""
    started: list[RelayProcess] = []

    def run(role: str, elsewhere: bool = False) -> RelayProcess:
        environment = host.environment if elsewhere else {}
        process = RelayProcess(tmp_path, role, "--redis", server.url, *QUICK, environment=environment)
        process.start()
        started.append(process)
        return process

    yield run
    for process in started:
        assert process.stop() == 0


@needs_faketime
@pytest.mark.parametrize("offset", [pytest.param("-3600", marks=pytest.mark.long), "+3600"])
def test_a_clock_that_is_set_stops_no_timer_and_fires_none(start: Start, host: Host, offset: str) -> None:
    front, worker = start("front", elsewhere=True), start("worker", elsewhere=True)
    front.wait_until_jobs_are_known()
    with front.connect() as held:
        held.request("POST", "/jobs/sleep", {"seconds": 3}, {"Prefer": "wait=60"})
        assert held.head()[0] == 200
        host.set(offset)
        assert front.call("POST", "/jobs/sleep", {"seconds": 1}).json()["result"] == {"slept": 1.0}
        *beats, end = held.chunks()
        assert b'"slept":3' in end
        assert 2 <= len(beats) <= 5
    assert "void" not in worker.log_tail()


@needs_faketime
@pytest.mark.parametrize("offset", [pytest.param("-60", marks=pytest.mark.long), "+60"])
def test_deadlines_go_by_redis_clock(start: Start, host: Host, offset: str) -> None:
    """Not by the worker's, which is wrong."""
    host.set(offset)
    front, _ = start("front"), start("worker", elsewhere=True)
    front.wait_until_jobs_are_known()
    wait = {"Prefer": "wait=20, heartbeat=0"}
    soon = front.call("POST", "/jobs/sleep", {"seconds": 1}, {**wait, "Relay-Deadline": "20"}).json()
    assert soon["state"] == "succeeded"
    late = front.call("POST", "/jobs/sleep", {"seconds": 15}, {**wait, "Relay-Deadline": "2"}).json()
    assert late["state"] == "expired"
    assert late["elapsed_ms"] < 10_000
