"""Functions of users that may be plain, ``async``, or return a Deferred."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any

from twisted.internet.defer import Deferred

from relay.worker.coroutines import run


def begin(work: Callable[[], Coroutine[Any, Any, Any]]) -> Deferred[Any]:
    """Run a coroutine on nobody's behalf: none of the caller's context variables are seen."""
    return Context().run(lambda: run(work()))


async def outcome_of(returned: Any) -> Any:
    """What a function's return value comes to: it is waited for where it is an awaitable."""
    return await _of(returned) if inspect.isawaitable(returned) else returned


async def _of(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
