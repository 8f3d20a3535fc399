"""Handlers that stand in their worker's way, for the tests."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
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
def backtrack(context: Context) -> bool:
    """Holds the interpreter's lock for some centuries."""
    note(context, "backtracks")
    return re.fullmatch(r"(a+)+b", "a" * 60) is not None


@job(timeout=60)
async def beside(context: Context) -> str:
    """Goes on until it is told to end, and blocks nobody."""
    note(context, "beside")
    end = Path(context.settings["ran"] + ".end")
    while not os.path.exists(end):  # noqa: ASYNC240
        await deferLater(reactor, 0.05)
    return "done"


@job(thread=True)
def in_the_pool(context: Context) -> None:
    note(context, "pool")
    time.sleep(600)


@job
async def in_the_reactors_pool(context: Context) -> None:
    note(context, "reactor")
    await deferToThread(time.sleep, 600)


@job
def in_a_thread_of_its_own(context: Context) -> Deferred[None]:
    threading.Thread(target=time.sleep, args=(600,), name="endless").start()
    note(context, "own")
    return Deferred()
