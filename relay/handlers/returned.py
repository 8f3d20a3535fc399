"""The type of what a handler returns, as far as it can be said in JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, get_args, get_origin

import msgspec
from twisted.internet.defer import Deferred

from relay.handlers.annotations import looked_up


def declared_result(function: Callable[..., Any]) -> Any:
    """The type of a function's result; `Any` where it has none, or one that says nothing of JSON."""
    try:
        scope = getattr(function, "__globals__", {})
        declared = _awaited(looked_up(function.__annotations__["return"], scope))
        msgspec.json.schema(declared)
    except Exception:  # none, a name that is not defined when it runs, a class that msgspec does not know
        return Any
    return Any if declared is object else declared


def _awaited(declared: Any) -> Any:
    origin, arguments = get_origin(declared), get_args(declared)
    if declared in (Deferred, Awaitable, Coroutine):
        return Any
    if origin is Deferred or origin is Awaitable or origin is Coroutine:
        return arguments[-1]
    return declared
