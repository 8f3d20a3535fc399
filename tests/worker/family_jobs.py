"""Jobs that submit jobs, for tests with real processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay import Context, job


def _say(path: str, said: str) -> None:
    with open(path, "a") as file:
        file.write(f"{said}\n")


def _content(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


@job(timeout=60)
async def short(n: int) -> int:
    await deferLater(reactor, 0.05)
    return n


@job(timeout=60)
async def family(context: Context, depth: int = 1, width: int = 5) -> int:
    if not depth:
        return await context.submit(short, n=1)
    parts = (context.submit(family, depth=depth - 1, width=width) for _ in range(width))
    return sum(await context.gather(*parts))


@job(thread=True, timeout=60)
def family_in_threads(context: Context, width: int = 5) -> int:
    def submit_all() -> Deferred[list[int]]:
        return context.gather(*(context.submit("blocks", n=n) for n in range(width)))

    return sum(context.wait(submit_all))


@job(thread=True, timeout=60)
def blocks(n: int) -> int:
    return n


@job(timeout=600)
async def waits_for(path: str) -> str:
    """Until the file is there, in whichever process."""
    _say(f"{path}.started", str(os.getpid()))
    while not (content := _content(path)):
        await deferLater(reactor, 0.05)
    return content


@job(timeout=600, retries=5)
async def waiting(context: Context, path: str) -> Any:
    """Awaits one that waits for a file, after one that is as large as its file."""
    size = len(await context.submit(large, size=100_000))
    _say(f"{path}.parent", str(os.getpid()))
    child = context.submit(waits_for, path=path)
    return [size, await child, child.id, context.starts]


@job
def large(size: int) -> str:
    return "x" * size


@job(timeout=600)
async def many(context: Context, count: int) -> int:
    return len(await context.gather(*(context.submit(blocks, n=n) for n in range(count))))
