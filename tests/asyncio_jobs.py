"""Handlers that await what asyncio has, for the tests."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutput

from relay import Context, job

kept: list[Any] = []  # what outlives a job on purpose


@job
async def which() -> str:
    """What the worker waits with."""
    from twisted.internet import reactor

    from relay.net.reactors import name_of

    return name_of(reactor)


@job
async def both(seconds: float = 0.01) -> str:
    from twisted.internet import reactor

    async with asyncio.timeout(10):
        await asyncio.sleep(seconds)
        await deferLater(reactor, seconds)
    return "both"


@job(timeout=600)
async def sleeps(context: Context, seconds: float = 600) -> str:
    context.progress(0.5, "sleeps")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        context.log.info("asyncio heard that the job was stopped: {why}", why=context.stopped)
        raise
    return "slept"


@job
async def programs() -> list[str]:
    """Started by asyncio, and by Twisted, which both wait for the ends of their own."""
    code = ["/bin/sh", "-c", "echo said; exec 1>&- 2>&-; sleep 0.05"]  # it ends after its output
    before = await getProcessOutput(code[0], code[1:])
    process = await asyncio.create_subprocess_exec(*code, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    after = await getProcessOutput(code[0], code[1:])
    return [each.decode().strip() for each in (before, said, after)]


@job
async def leaves_tasks() -> None:
    """One of its own, and what a library may have: something that waits for ever."""

    async def left_behind() -> None:
        await asyncio.sleep(600)

    kept.append(asyncio.create_task(left_behind()))


@job
async def is_left_over() -> bool:
    """Whether what `leaves_tasks` has left still runs."""
    return not kept[-1].done()


@job
async def leaves_generators() -> int:
    async def numbers() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)

    kept.append(numbers())
    return int(await anext(kept[-1]))


@job
async def leaves_the_loops_own_task() -> None:
    """As a library does: the code that begins the task is not the application's."""
    namespace: dict[str, Any] = {"asyncio": asyncio}
    code = "def begin(): return asyncio.get_running_loop().create_task(asyncio.sleep(600))"
    exec(compile(code, asyncio.__file__.replace("asyncio", "xmlrpc"), "exec"), namespace)
    kept.append(namespace["begin"]())


@job
async def forgets_an_error() -> None:
    async def fails() -> None:
        raise ZeroDivisionError("nobody looks")

    await asyncio.wait([asyncio.create_task(fails())])


@job
async def runs_a_loop() -> None:
    async def nothing() -> None: ...

    coroutine = nothing()
    try:
        asyncio.run(coroutine)
    finally:
        coroutine.close()


@job
async def awaits_another_loops() -> None:
    await asyncio.new_event_loop().create_future()


@job(thread=True)
def in_a_thread(context: Context) -> list[str]:
    async def coroutine() -> str:
        await asyncio.sleep(0.01)
        return "in the worker's loop"

    async def other() -> str:
        await asyncio.sleep(0)
        return "in a loop of its own"

    return [context.wait(coroutine), asyncio.run(other())]


@job(thread=True)
def forgets_that_it_is_a_thread() -> None:
    asyncio.get_running_loop()


@job(timeout=60)
async def blocks_in_a_task(seconds: float) -> None:
    async def blocks() -> None:
        await asyncio.sleep(0)
        time.sleep(seconds)  # noqa: ASYNC251  this line is named

    async with asyncio.TaskGroup() as group:
        group.create_task(blocks())
        await Deferred(lambda waiting: waiting.callback(None)).addTimeout(seconds + 1, _clock())


def _clock() -> Any:
    from twisted.internet import reactor

    return reactor


@job
def begins_tasks_and_returns() -> None:
    """A plain function, which nobody would await."""
    kept.append(asyncio.ensure_future(asyncio.sleep(600)))


def _exit() -> None:
    sys.exit(3)


def _interrupt() -> None:
    raise KeyboardInterrupt


@job
async def would_end_the_worker(how: str) -> int:
    """Returns which process this is."""
    loop = asyncio.get_running_loop()
    loop.call_soon({"stop": loop.stop, "exit": _exit, "interrupt": _interrupt}[how])
    await asyncio.to_thread(time.monotonic)  # a thread of the loop's is there, which the end would wait for
    return os.getpid()
