"""What handlers put out, as a test sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import gatherResults
from twisted.logger import LogEvent

from relay import Context, JobError, job
from relay.testing import Relay, run

COUNT = 300


@job
def says_and_returns(context: Context) -> int:
    for number in range(COUNT):
        context.emit(number)
    return COUNT


@job
async def awaits_each(context: Context) -> int:
    for number in range(COUNT):
        await context.emit(number)
    return COUNT


@job
async def awaits_all(context: Context) -> int:
    await gatherResults([context.emit(number) for number in range(COUNT)])
    return COUNT


@job
async def of_asyncio(context: Context) -> int:
    for number in range(COUNT):
        await asyncio.sleep(0.005)
        context.emit(number)
    return COUNT


@job(thread=True)
def in_a_thread(context: Context) -> int:
    for number in range(COUNT):
        context.emit(number)
    return COUNT


@job(retries=2)
async def again(context: Context) -> None:
    await context.emit({"attempt": context.attempt, "of": (1, 2)})
    if context.attempt < 3:
        raise JobError("again", retryable=True)


@job
def says_what_is_not_json(context: Context) -> None:
    context.emit(float("nan"))


@job
async def says_and_fails(context: Context) -> None:
    context.emit("last words")
    raise JobError("why")


@pytest.mark.parametrize("handler", [says_and_returns, awaits_each, awaits_all, of_asyncio, in_a_thread])
def test_all_that_was_put_out_is_there_and_was_stored(handler: Callable[..., Any]) -> None:
    with Relay(handler) as relay:
        ran = relay.run(handler)
        assert (ran.value(), ran.emitted) == (COUNT, [*range(COUNT)])
        assert stored(relay, ran.id) == [(1, number + 1, str(number)) for number in range(COUNT)]


def stored(relay: Relay, id: str) -> list[tuple[int, int, str]]:
    ended = relay._solo.store.data.ended(id)
    assert ended is not None
    heard = ended.pieces.listened(ended.outcome, (0, 0))
    return [(*piece.place, piece.data) for piece in heard.pieces]


def test_what_a_further_attempt_puts_out_comes_behind() -> None:
    with Relay(again) as relay:
        ran = relay.run(again)
        assert ran.emitted == [{"attempt": attempt, "of": [1, 2]} for attempt in (1, 2, 3)]
        assert [place[:2] for place in stored(relay, ran.id)] == [(1, 1), (2, 1), (3, 1)]


def test_what_was_put_out_before_a_failure_is_stored() -> None:
    with Relay(says_and_fails) as relay:
        ran = relay.run(says_and_fails)
        assert (ran.state, ran.emitted) == ("failed", ["last words"])
        assert stored(relay, ran.id) == [(1, 1, '"last words"')]


def test_what_is_not_json_fails_the_job(no_logged_failures: list[LogEvent]) -> None:
    ran = run(says_what_is_not_json)
    assert (ran.state, ran.emitted) == ("failed", [])
    with pytest.raises(ValueError, match="a piece must be JSON"):
        ran.value()
    no_logged_failures.clear()
