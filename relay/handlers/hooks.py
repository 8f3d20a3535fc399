"""``@on_start`` and ``@on_stop``: functions that a worker calls before it serves, and after its last job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from relay.handlers.annotations import SignatureError
from relay.handlers.options import HandlerError
from relay.handlers.shared import Needs, needs

MARK = "__relay_hooks__"  # the attribute with the times at which a function is called
Time = Literal["start", "stop"]

Called = TypeVar("Called", bound=Callable[..., Any])


def on_start(function: Called, /) -> Called:
    """Have a worker call a function before it serves. The worker waits for its Deferred or coroutine. If it fails, the
    worker ends with one line in its log. It gets `settings` and what is annotated with `Shared`, if it has such
    parameters. Functions are called one after the other, in the order of their modules and lines."""
    return _marked(function, "start")


def on_stop(function: Called, /) -> Called:
    """Have a worker call a function after its last job has ended, before it closes what is shared. An error is logged.
    Parameters are as those of `on_start`; the order is the opposite. It has what is left of ``--drain``, and five
    seconds at least."""
    return _marked(function, "stop")


def _marked(function: Called, time: Time) -> Called:
    if not callable(function) or isinstance(function, type) or not hasattr(function, "__name__"):
        raise HandlerError(f"on_{time}: {function!r} is not a function")
    setattr(function, MARK, (*getattr(function, MARK, ()), time))
    return function


@dataclass(frozen=True, slots=True)
class Hook:
    """One function, and what it is given."""

    function: Callable[..., Any]
    needs: Needs

    def __str__(self) -> str:
        return f"{self.function.__module__}.{self.function.__qualname__}"


@dataclass(frozen=True, slots=True)
class Hooks:
    """Those of one worker, each in the order in which they are called."""

    start: tuple[Hook, ...] = ()
    stop: tuple[Hook, ...] = ()


def hooks_of(functions: list[Callable[..., Any]]) -> Hooks:
    """The hooks among functions that are in the order of their declaration; raises `HandlerError`."""
    found: dict[Time, list[Hook]] = {"start": [], "stop": []}
    for function in functions:
        for time in getattr(function, MARK):
            try:
                found[time].append(Hook(function, needs(function)))
            except SignatureError as error:
                raise HandlerError(f"on_{time}: {error}") from error
    return Hooks(tuple(found["start"]), tuple(reversed(found["stop"])))
