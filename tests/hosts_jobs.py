"""Jobs that note where and how often they ran, for tests with several hosts."""

from __future__ import annotations

import asyncio
import os

from relay import Context, job


def note(context: Context, *words: object) -> None:
    """A line in a file that all hosts have."""
    file = os.open(context.settings["noted"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, (" ".join(map(str, words)) + "\n").encode())
    os.close(file)


@job(once=True)
async def work(context: Context, number: int, seconds: float) -> int:
    """Takes its time, and notes that it ended."""
    await asyncio.sleep(seconds)
    note(context, "worked", number, os.getpid())
    return number


@job
async def nap(seconds: float) -> float:
    """Does nothing for a while."""
    await asyncio.sleep(seconds)
    return seconds


@job
def say(message: int) -> int:
    """The same again."""
    return message


@job(every="1s", catch_up="all")
def tick(context: Context) -> None:
    """Notes for which second it was fired."""
    assert context.scheduled is not None
    note(context, "ticked", f"{context.scheduled.timestamp():.0f}")
