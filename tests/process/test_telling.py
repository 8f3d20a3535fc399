"""What a process tells of its own times, whatever becomes of its machine's clock."""

from __future__ import annotations

import time

import pytest
from twisted.internet.testing import MemoryReactorClock

from relay.operations.overviews import process_status
from relay.process.telemetry import Telemetry
from relay.telemetry.snapshot import ProcessInfo, Snapshot

HOUR = 3600.0


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_clock_that_is_set_makes_a_process_neither_older_nor_younger(
    monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    reactor = MemoryReactorClock()
    telemetry = Telemetry(reactor, "worker", "w1")
    before, really = telemetry.snapshot(), time.time
    monkeypatch.setattr(time, "time", lambda: really() + step)
    reactor.advance(5)
    after = telemetry.snapshot()
    assert after.time - before.time == after.age - before.age == 5000
    assert after.info.began == before.info.began


@pytest.mark.parametrize("wrong", [0, 300_000, -300_000])
def test_a_process_began_when_it_did_by_redis_clock_and_not_by_its_own(wrong: int) -> None:
    now, age = 1_795_700_000_000, 20_000
    info = ProcessInfo("w1", "worker", "worker 1", "host", 7, "1.0", now - age + wrong)
    assert process_status(Snapshot(info, time=now + wrong), now).began == now - age
