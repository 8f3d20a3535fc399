"""What a handler returned, on its way through a Deferred, which looks at the class of what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from types import CoroutineType
from typing import Any


@dataclass(frozen=True, slots=True)
class Box:
    """Holds it."""

    content: Any


def boxed(function: Any, arguments: dict[str, Any]) -> Box:
    """What a function returns."""
    return Box(function(**arguments))


async def boxed_later(coroutine: CoroutineType[Any, Any, Any]) -> Box:
    """What a coroutine returns."""
    return Box(await coroutine)
