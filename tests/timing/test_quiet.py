"""Deferreds whose failures nobody has to hear."""

from __future__ import annotations

import gc

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent

from relay.timing.quiet import Quiet


def test_a_failure_that_nobody_hears_is_not_logged(no_logged_failures: list[LogEvent]) -> None:
    for kind in (Quiet, Deferred):
        assert no_logged_failures == []
        kind().errback(ValueError("why"))
        gc.collect()
    assert no_logged_failures != []  # of the other one
    no_logged_failures.clear()


def test_whoever_asks_later_hears_it() -> None:
    quiet: Quiet[None] = Quiet()
    quiet.errback(ValueError("why"))

    async def wait() -> None:
        await quiet

    heard: list[object] = []
    Deferred.fromCoroutine(wait()).addErrback(lambda failure: heard.append(failure.check(ValueError)))
    assert heard == [ValueError]


@pytest.mark.parametrize("fires", [True, False])
def test_others_are_as_usual(fires: bool, no_logged_failures: list[LogEvent]) -> None:
    quiet: Quiet[int] = Quiet()
    heard: list[int] = []
    quiet.addCallback(heard.append)
    if fires:
        quiet.callback(7)
    del quiet
    gc.collect()
    assert heard == [7] * fires
