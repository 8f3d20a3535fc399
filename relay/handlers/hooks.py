"""``@on_start`` and ``@on_stop``: functions that a worker calls before it serves, and after its last job. ``@around``:
what it does around each attempt."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import msgspec

from relay.handlers.annotations import SignatureError
from relay.handlers.options import HandlerError
from relay.handlers.shared import Needs, needs

MARK = "__relay_hooks__"  # the attribute with the times at which a function is called
Time = Literal["start", "stop", "around"]

Called = TypeVar("Called", bound=Callable[..., Any])


class JobAttempt(msgspec.Struct, frozen=True, gc=False):
    """An attempt at a job, as functions that are called `around` it see it. `number`: 1 for the first of `attempts` ·
    `trace`: its traceparent, "" without one."""

    id: str
    name: str
    queue: str
    number: int
    attempts: int
    trace: str


Surrounding = TypeVar("Surrounding", bound=Callable[[JobAttempt], Iterator[None]])


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


def around(function: Surrounding, /) -> Surrounding:
    """Have a worker call a generator function around each attempt: what stands before its one ``yield`` before the
    handler is called, and what stands after it when the handler has ended. It gets the `JobAttempt`. What the handler
    raises is raised at the ``yield``, unless the attempt was stopped, and has to be left alone or raised again. Context
    variables that it sets are seen by this handler alone, and by what that starts: tasks, `context.thread`. It must not
    wait: it is called in the reactor's thread.

    If it raises before its ``yield``, the attempt fails with that; after that, it is logged. Functions are called in
    the order of their modules and lines, the last one next to the handler."""
    if not inspect.isgeneratorfunction(function):
        raise HandlerError(f"around: {function!r} is not a generator function (def, with one yield)")
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise HandlerError(
            f"around: {function.__qualname__} is called with the attempt alone: {error}"
        ) from None
    marked: Surrounding = _marked(cast("Surrounding", function), "around")
    return marked


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
    around: tuple[Callable[[JobAttempt], Iterator[None]], ...] = ()


def hooks_of(functions: list[Callable[..., Any]]) -> Hooks:
    """The hooks among functions that are in the order of their declaration; raises `HandlerError`."""
    found: dict[Time, list[Hook]] = {"start": [], "stop": []}
    around = [function for function in functions if "around" in getattr(function, MARK)]
    for function in functions:
        for time in getattr(function, MARK):
            if time == "around":
                continue
            try:
                found[time].append(Hook(function, needs(function)))
            except SignatureError as error:
                raise HandlerError(f"on_{time}: {error}") from error
    return Hooks(tuple(found["start"]), tuple(reversed(found["stop"])), tuple(around))
