"""Handlers in threads, and one that does not stop, for the tests."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from relay import Context, job


@job(thread=True)
def talk(context: Context) -> list[Any]:
    """Uses all of its context."""
    for number in range(100):
        context.progress(number / 100, str(number))

    async def where() -> str:
        context.progress(0.99, "in the reactor's thread")
        return threading.current_thread().name

    refused = False
    try:
        assert context.http
    except RuntimeError:
        refused = True
    assert context.wait(lambda: Deferred.fromCoroutine(opened(context)))
    return [context.wait(where), refused, context.cancelled, context.starts]


async def opened(context: Context) -> bool:
    return context.http is not None


@job(thread=True, timeout=600)
def wait(context: Context) -> None:
    context.progress(0.5, "waits")
    forever: Deferred[None] = Deferred()
    context.wait(lambda: forever)


@job(thread=True, timeout=600)
def hang(context: Context) -> None:
    context.progress(0.5, "hangs")
    threading.Event().wait()


@job(timeout=600)
async def cling(context: Context) -> None:
    """Swallows its cancellation, once."""
    over: Deferred[None] = Deferred()
    context.progress(0.5, "clings")
    with contextlib.suppress(CancelledError):
        await Deferred()
    await over
