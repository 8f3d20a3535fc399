"""What a handler returned, on its way through a Deferred, which looks at the class of what it is given."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Box:
    """Holds it."""

    content: Any


def boxed(function: Any, arguments: dict[str, Any]) -> Box:
    """What a function returns."""
    return Box(function(**arguments))


async def boxed_later(awaitable: Awaitable[Any]) -> Box:
    """What can be awaited returns."""
    return Box(await awaitable)
