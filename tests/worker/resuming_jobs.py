"""Handlers that go on from where an earlier attempt was."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from relay import Context, job


def _say(path: str, said: object) -> None:
    with open(path, "a") as file:
        file.write(f"{said}\n")


@job(timeout=60)
async def resumes(context: Context, path: str) -> Any:
    if context.last is None:
        await context.checkpoint({"from": context.starts})
        _say(path, "kept")
        await Deferred()
    return context.last


@job(timeout=60, once=True)
async def resumes_once(context: Context, path: str) -> Any:
    return await resumes(context, path)


@job(timeout=60, once=True)
async def says_it_as_it_goes(context: Context, path: str) -> Any:
    if context.last is None:
        _say(path, "kept")
        try:
            await Deferred()
        finally:
            context.checkpoint({"from": context.starts, "why": context.stopped})
    return context.last


@job(timeout=60, thread=True)
def resumes_in_a_thread(context: Context, path: str) -> Any:
    if context.last is None:
        context.checkpoint({"from": context.starts})
        _say(path, "kept")
        while not context.cancelled:
            time.sleep(0.01)
        raise CancelledError
    return context.last
