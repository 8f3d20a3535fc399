"""Where coroutines of handlers are started."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Box:
    """What a handler returned, on its way through a Deferred, which looks at the class of what it is given."""

    content: Any


def run(coroutine: Coroutine[Any, Any, Result]) -> Deferred[Result]:
    """Fires with what the coroutine returns, or fails with what it raises."""
    return Deferred.fromCoroutine(coroutine)


def run_boxed(coroutine: Coroutine[Any, Any, Any]) -> Deferred[Box]:
    """The same, whatever the result is."""
    return Deferred.fromCoroutine(_boxed(coroutine))


async def _boxed(coroutine: Coroutine[Any, Any, Any]) -> Box:
    return Box(await coroutine)
