"""Handlers that write down when they start and end; each execution has a result of its own."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay import Context, JobError, job

_DIRECTORY = Path(os.environ.get("FAULTS_DIRECTORY", "."))


def _pause(seconds: float) -> None:
    """Stay in this thread. (`time.sleep` fails where libfaketime sets the wall clock.)"""
    threading.Event().wait(seconds)


def _write(event: str, context: Context, **more: object) -> None:
    line = {
        "event": event,
        "id": context.job_id,
        "attempt": context.attempt,
        "starts": context.starts,
        "pid": os.getpid(),
        "at": time.monotonic(),
        **more,
    }
    file = os.open(_DIRECTORY / f"jobs-{os.getpid()}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(
        file, json.dumps(line).encode() + b"\n"
    )  # one write, so that a killed process leaves whole lines
    os.close(file)


@job(timeout=60)
def work(context: Context, seconds: float, number: int) -> Deferred[str]:
    """Take some time; the result is that of this execution and no other."""
    from twisted.internet import reactor

    def done() -> str:
        _write("finished", context)
        return f"{number}/{context.attempt}/{os.getpid()}/{os.urandom(4).hex()}"

    _write("started", context)
    return deferLater(reactor, seconds, done)


@job(timeout=60, once=True)
def once(context: Context, seconds: float, number: int) -> Deferred[str]:
    """The same, but never a second time."""
    return work(context, seconds, number)


@job(timeout=60, unique=True, unique_by="group")
def alike(context: Context, seconds: float, number: int, group: int) -> Deferred[str]:
    """The same, of which only one of a group lives at a time."""
    from twisted.internet import reactor

    def done() -> str:
        _write("finished", context, group=group)
        return f"{number}/{context.attempt}/{os.getpid()}/{os.urandom(4).hex()}"

    _write("started", context, group=group)
    return deferLater(reactor, seconds, done)


@job(every="1s", catch_up="all")
def tick(context: Context) -> None:
    """Fired each second."""
    assert context.scheduled is not None
    _write("fired", context, scheduled=context.scheduled.timestamp())


@job(timeout=60)
def block(context: Context, seconds: float, number: int) -> str:
    """Stop the worker's reactor for longer than its lease, at most."""
    _write("started", context)
    _pause(seconds)
    _write("finished", context)
    return f"{number}/{context.attempt}/{os.getpid()}/{os.urandom(4).hex()}"


@job(timeout=0.3)
async def swallow(context: Context, seconds: float, number: int) -> None:
    """Go on whatever happens, for longer than a worker is ever stopped: one that ends in time has succeeded."""
    from twisted.internet import reactor

    _write("started", context)
    until = time.monotonic() + 6 + seconds
    while time.monotonic() < until:
        try:
            await deferLater(reactor, 0.1)
        except Exception:
            continue


@job(thread=True, timeout=0.3)
def hang(context: Context, seconds: float, number: int) -> None:
    """Stay in a thread for longer than the job has, likewise."""
    _write("started", context)
    _pause(6 + seconds)


@job(timeout=60)
def unencodable(context: Context, seconds: float, number: int) -> None:
    """Fail with what JSON can't write."""
    _write("started", context)
    raise JobError("\udce9", status=422, type="odd", cause=ValueError("an exception"))


@job(timeout=60, internal=True)
async def part(context: Context, seconds: float, parent: str, nth: int) -> str:
    """A part of a family's work."""
    from twisted.internet import reactor

    _write("started", context, parent=parent, nth=nth)
    await deferLater(reactor, seconds)
    result = f"{nth}/{context.attempt}/{os.getpid()}/{os.urandom(4).hex()}"
    _write("finished", context, result=result)
    return result


@job(timeout=60)
async def family(context: Context, seconds: float, number: int) -> dict[str, object]:
    """Have others work, between two steps; what it returns tells whose results these are."""
    _write("started", context)
    first = await _step(context, "first")
    parts = [context.submit(part, seconds=seconds / 2, parent=context.job_id, nth=nth) for nth in range(3)]
    results = await context.gather(*parts)
    last = await _step(context, "last")
    _write("finished", context)
    return {
        "steps": {"first": first, "last": last},
        "parts": {p.id: r for p, r in zip(parts, results, strict=True)},
    }


async def _step(context: Context, name: str) -> str:
    def do() -> str:
        value = os.urandom(4).hex()
        _write("step", context, step=name, value=value)
        return value

    value = await context.step(name, do)
    _write("stored", context, step=name, value=value)
    return value


@job
def poison(context: Context) -> None:
    """Kill the worker."""
    _write("started", context)
    os._exit(9)
