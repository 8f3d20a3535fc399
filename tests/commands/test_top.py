"""What ``relay top`` compares."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from relay.commands import top_command
from relay.operations.seen import Overview, RunningJob
from relay.telemetry.snapshot import ProcessInfo, Sample, Snapshot
from tests.operations.seen_values import overview

ONCE = Namespace(once=True, json=False, every=2.0)


def told(time: int, submissions: int) -> Snapshot:
    info = ProcessInfo("f1", "front", "front 1", "web1", 7, "0.1.0", 0)
    return Snapshot(info, {"relay_submissions_total": [Sample(("mail", "yes"), submissions)]}, time)


class Seen:
    """A relay whose processes tell these one after the other, the last one again and again."""

    def __init__(self, *told: Snapshot) -> None:
        self._told = list(told)

    async def overview(self) -> Overview:
        return overview()

    async def snapshots(self) -> list[Snapshot]:
        return [self._told.pop(0) if len(self._told) > 1 else self._told[0]]

    async def running(self, process: str = "", most: int = 1000) -> list[RunningJob]:
        return []


def look_once(*snapshots: Snapshot) -> float:
    """The seconds that it took."""
    clock = Clock()
    seen: Any = Seen(*snapshots)
    ending = Deferred.fromCoroutine(top_command.act(seen, clock, ONCE))
    while not ending.called:
        clock.advance(1)
    assert ending.result is None
    return clock.seconds()


def test_a_single_look_waits_until_there_is_something_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    first = told(1_000, 10)
    assert look_once(first, first, first, told(6_000, 60)) == 3
    assert "in a second: submissions 10.0," in capsys.readouterr().out


def test_a_single_look_does_not_wait_for_a_process_that_says_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert look_once(told(1_000, 10)) == top_command.LOOKS
    assert "in a second: submissions 0.0," in capsys.readouterr().out
