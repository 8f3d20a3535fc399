"""Hooks, and handlers that share something, for the tests. What they do is written into the file ``said`` of the
settings."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay import Context, Shared, job, on_start, on_stop


def say(settings: Mapping[str, str], what: str) -> None:
    with Path(settings["said"]).open("a") as said:
        said.write(f"{what}\n")


def later() -> Deferred[None]:
    from twisted.internet import reactor

    return deferLater(reactor, 0.01)  # type: ignore[arg-type]


class Counter:
    def __init__(self) -> None:
        self.count = 0


async def make_counter(settings: Mapping[str, str]) -> AsyncIterator[Counter]:
    say(settings, "counter made")
    await later()
    yield Counter()
    await later()
    say(settings, "counter closed")


Counted = Annotated[Counter, Shared(make_counter)]


@on_start
def begin(settings: Mapping[str, str]) -> None:
    say(settings, "begin")


@on_start
async def warm(settings: Mapping[str, str], counter: Counted) -> None:
    await later()
    say(settings, f"warm at {counter.count}")
    if "broken" in settings:
        raise ConnectionRefusedError("the database is away")


@on_stop
def end(settings: Mapping[str, str], counter: Counted) -> Deferred[None]:
    return later().addCallback(lambda _: say(settings, f"end at {counter.count}"))


@on_stop
def stumble() -> None:
    raise RuntimeError("stumbled")


@job
async def count(counter: Counted) -> int:
    counter.count += 1
    return counter.count


@job(thread=True)
def count_in_thread(counter: Counted) -> tuple[int, bool]:
    counter.count += 1
    return counter.count, threading.current_thread() is threading.main_thread()


@job(timeout=60)
async def work(context: Context, counter: Counted) -> None:
    """Is at work when the worker is told to stop."""
    context.progress(0.5, "works")
    await context.sleep(0.5)
    counter.count += 10
