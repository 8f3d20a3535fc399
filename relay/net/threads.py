"""Calls in threads, for whatever runs here: an event loop, or a reactor without one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

Result = TypeVar("Result")


def in_thread(function: Callable[..., Result], *arguments: Any) -> Deferred[Result]:
    """Fires with what the function returns, which is called in a thread of the loop that runs, or of the reactor."""
    loop = asyncio._get_running_loop()
    if loop is None:
        return deferToThread(function, *arguments)
    return Deferred.fromFuture(loop.run_in_executor(None, function, *arguments))
