"""The methods of the API: those of `Operations`, each with its arguments, as its signature has them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple, get_type_hints

import msgspec

from relay.operations.operations import Operations

#: those that change nothing; all others are for operators that may act
LOOKS = frozenset(
    {"overview", "running", "jobs", "job", "schedules", "limits", "snapshots", "history", "summary"}
)


class ApiMethod(NamedTuple):
    """One of them. `arguments` is a struct with a field for each."""

    name: str
    acts: bool
    arguments: type[msgspec.Struct]
    call: Callable[..., Awaitable[Any]]


def methods_of(operations: Operations) -> dict[str, ApiMethod]:
    """What an `Operations` can be asked, by name."""
    return {name: method(name, getattr(operations, name)) for name in names()}


def names() -> Iterator[str]:
    """The names of what an `Operations` has."""
    return (name for name in vars(Operations) if not name.startswith("_"))


def method(name: str, call: Callable[..., Awaitable[Any]]) -> ApiMethod:
    """A method with these arguments."""
    hints = get_type_hints(call)
    fields: list[Any] = [
        (each.name, hints[each.name], *([] if each.default is each.empty else [each.default]))
        for each in inspect.signature(call).parameters.values()
    ]
    arguments = msgspec.defstruct(f"Of_{name}", fields, frozen=True, forbid_unknown_fields=True)
    return ApiMethod(name, name not in LOOKS, arguments, call)
