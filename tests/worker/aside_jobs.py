"""Handlers with something going on beside them, for the tests."""

from __future__ import annotations

import sys
import threading

from relay import Context, job

_SLEEPS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(999)"])
with open(sys.argv[1] + "~", "w") as told: told.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + "~", sys.argv[1])
time.sleep(999)
"""


@job(timeout=600)
async def rest(context: Context, seconds: float) -> str:
    """Uses all of it, one after the other."""
    await context.sleep(seconds)
    name = await context.thread(lambda: threading.current_thread().name)
    finished = await context.process("cat", input=name.encode())
    assert (finished.code, finished.errors) == (0, b"")
    return finished.output.decode()


@job(thread=True)
def rest_in_thread(context: Context) -> int:
    context.wait(lambda: context.sleep(0.01))
    return context.wait(lambda: context.process("false")).code


@job(timeout=600)
async def run_long(context: Context, tell: str) -> None:
    """A program, and one that it starts, tell of their processes."""
    await context.process(sys.executable, "-c", _SLEEPS, tell)


@job(timeout=0.5)
async def run_too_long(context: Context, tell: str) -> None:
    """The same, for longer than it may; and nobody waits for it."""
    context.process(sys.executable, "-c", _SLEEPS, tell).addErrback(lambda _: None)
    await context.sleep(60)
