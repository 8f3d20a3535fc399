"""Handlers that put out pieces."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from twisted.internet.defer import Deferred

from relay import Context, job


@job(timeout=60)
async def counts(context: Context, most: int, pause: float = 0.0) -> int:
    for number in range(1, most + 1):
        context.emit(number)
        if pause:
            await context.sleep(pause)
    return most


@job(timeout=60)
async def tells_when(context: Context, most: int) -> None:
    for _ in range(most):
        context.emit(time.time())
        await context.sleep(0.005)


@job(timeout=60, retries=2)
async def dies_in_the_first_attempt(context: Context, most: int) -> int:
    for number in range(1, most + 1):
        told = context.emit([context.attempt, number])
    await told
    if context.starts == 1:
        os.kill(os.getpid(), 9)
    return most


@job(timeout=60)
async def says_one_and_waits(context: Context) -> None:
    await context.emit("here")
    context.progress(0.5, "half")
    await Deferred()


@job(timeout=60, thread=True)
def counts_in_a_thread(context: Context, most: int) -> int:
    for number in range(1, most + 1):
        context.emit(number)
    return most


@job(timeout=60)
async def counts_on_asyncio(context: Context, most: int) -> int:
    for number in range(1, most + 1):
        await asyncio.sleep(0)
        await context.emit(number)
    return most


def is_told() -> bool:
    return Path("told").exists()


@job(timeout=600, retries=2)
async def counts_in_time(context: Context, most: int, a_second: float) -> int:
    """At a steady pace, but the last ones when there is a file ``told``. Its progress says which process runs it."""
    context.progress(0.0, str(os.getpid()))
    begun = time.monotonic()
    for number in range(1, most + 1):
        while number > most - 100 and not is_told():
            await context.sleep(0.05)
        context.emit([context.attempt, number])
        await context.sleep(max(0.0, begun + number / a_second - time.monotonic()))
    return most
