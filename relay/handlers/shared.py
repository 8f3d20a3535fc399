"""Things that the handlers of a worker share: declared as parameters, made once by a function of their own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from relay.handlers.annotations import SignatureError, annotation_of, scope_of

Make = Callable[..., Any]
SETTINGS = "settings"  # the parameter that gets what the operator set


@dataclass(frozen=True, slots=True)
class Shared:
    """In ``Annotated[Pool, Shared(make_pool)]``: the parameter gets what `make` has made, which all handlers of a
    worker share. It is made when it is first used.

    `make`: a function that returns it, plain or ``async``, or a generator, plain or ``async``, that yields it once and
    closes it after that, when the worker ends. It gets the operator's settings if it has a parameter `settings`, and
    other shared things if it has such parameters.
    """

    make: Make


@dataclass(frozen=True, slots=True)
class Needs:
    """What a function that relay calls, other than a handler, is given: the settings, and by parameter what is
    shared."""

    settings: bool
    shared: tuple[tuple[str, Make], ...]


def shared_by(annotation: Any) -> Make | None:
    """The function that makes what a parameter with this annotation gets; None for any other."""
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((note.make for note in notes if isinstance(note, Shared)), None)


def needs(function: Callable[..., Any], within: tuple[Any, ...] = ()) -> Needs:
    """What a function is given. Raises `SignatureError` if there is more that it needs, or if it needs itself."""
    name = getattr(function, "__qualname__", repr(function))
    if any(function is each for each in within):
        raise SignatureError(f"{name} is made with itself")
    if not callable(function):
        raise SignatureError(f"{name} is not a function that makes something")
    settings, shared = False, []
    for parameter in _parameters(function):
        make = shared_by(annotation_of(parameter, scope_of(function)))
        if make is not None:
            needs(make, (*within, function))
            shared.append((parameter.name, make))
        elif parameter.name == SETTINGS:
            settings = True
        elif parameter.default is parameter.empty:
            raise SignatureError(
                f"{name} has a parameter {parameter.name}, but gets nothing but settings, "
                "and what is annotated with Shared"
            )
    return Needs(settings, tuple(shared))


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Those that can be given by name."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # one that is built in
        return []
    return [each for each in found if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
