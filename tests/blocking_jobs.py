"""Handlers that stand in their worker's way, for the tests."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from relay import Context, job


def note(context: Context, what: str) -> None:
    with Path(context.settings["ran"]).open("a") as file:
        file.write(f"{what} {context.job_id}\n")


@job(timeout=60)
async def block(context: Context, seconds: float) -> str:
    note(context, "began")
    time.sleep(seconds)  # noqa: ASYNC251  this line is named
    note(context, "ended")
    return "done"


@job(timeout=60)
def beside(context: Context) -> Deferred[None]:
    """Runs until it is cancelled, and blocks nobody."""
    note(context, "began")
    return Deferred()


@job(queue="pool", thread=True)
def in_the_pool(context: Context) -> None:
    note(context, "pool")
    time.sleep(600)


@job(queue="reactor")
async def in_the_reactors_pool(context: Context) -> None:
    note(context, "reactor")
    await deferToThread(time.sleep, 600)


@job(queue="own")
def in_a_thread_of_its_own(context: Context) -> Deferred[None]:
    threading.Thread(target=time.sleep, args=(600,), name="endless").start()
    note(context, "own")
    return Deferred()
