"""What runs in a soak: each way in which a job can go."""

from __future__ import annotations

import asyncio
import os

import treq

from relay import Context, JobError, job

_PART = 0.2  # of a family's seconds


@job(timeout=600)
async def work(context: Context, seconds: float) -> str:
    """Take some time, and tell how far it is."""
    if seconds > 1:
        context.progress(0.5, "half of it is over")
    await asyncio.sleep(seconds)
    return context.job_id


@job(timeout=60, retries=5)
async def flaky(context: Context) -> int:
    """Fail for a while, then succeed."""
    if context.attempt < 3:
        raise JobError("not yet", status=503, type="not-yet", retryable=True)
    return context.attempt


@job(timeout=60)
def broken(context: Context, why: str) -> None:
    """Fail as a program with a mistake in it does."""
    raise ValueError(why)


@job(timeout=60, retries=1)
def hopeless(context: Context) -> None:
    """Fail for good, and become a dead job."""
    raise JobError("never", status=503, type="never", retryable=True)


@job(timeout=60)
async def family(context: Context, seconds: float) -> int:
    """Have others work."""
    parts = [context.submit(part, seconds=seconds * _PART) for _ in range(3)]
    return sum(await context.gather(*parts))


@job(timeout=60, internal=True)
async def part(context: Context, seconds: float) -> int:
    """A part of a family's work."""
    await asyncio.sleep(seconds)
    return 1


@job(timeout=60, retries=3)
async def fetch(context: Context, size: int) -> int:
    """Call an API."""
    response = await context.http.get(f"{os.environ['SOAK_API']}/{size}")
    return len(await treq.content(response))


@job(thread=True, timeout=60)
def count(context: Context, most: int) -> int:
    """Work in a thread."""
    return sum(range(most))


@job(every="5s", catch_up="last")
def tick(context: Context) -> None:
    """Fired again and again."""
