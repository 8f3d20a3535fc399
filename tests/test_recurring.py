"""Recurring work goes on whatever happens in it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.timing.recurring import recurring


async def _raises() -> None:
    raise ValueError


BODIES: list[Any] = [lambda: 1 / 0, lambda: fail(ValueError()), _raises]


@pytest.mark.parametrize("fails", BODIES)
def test_an_error_is_logged_and_the_next_call_is_made(fails: Any, no_logged_failures: list[LogEvent]) -> None:
    clock, calls = Clock(), []

    def body() -> Any:
        calls.append(clock.seconds())
        return fails()

    looping = recurring(clock, body)
    looping.start(1)
    clock.pump([1, 1])
    assert calls == [0, 1, 2]
    looping.stop()
    assert len(no_logged_failures) == 3
    no_logged_failures.clear()


def test_a_call_is_made_after_the_one_before_has_ended() -> None:
    clock, slow = Clock(), [Deferred[None](), Deferred[None]()]
    waiting = iter(slow)
    looping = recurring(clock, lambda: next(waiting))
    looping.start(1)
    clock.advance(5)
    slow[0].callback(None)
    clock.advance(1)
    assert next(waiting, None) is None
    looping.stop()
