"""The handlers that a test means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import unwrap
from types import ModuleType
from typing import Any, NamedTuple

from relay.handlers import MARK, HandlerError, JobOptions, handler
from relay.handlers.hooks import Hooks
from relay.handlers.registry import Registry


class Found(NamedTuple):
    """The handlers, the names of those that are meant themselves, and the hooks of modules."""

    functions: list[Callable[..., Any]]
    meant: frozenset[str]
    hooks: Hooks


def found(given: Iterable[Any]) -> Found:
    """The handlers of modules (or of modules by name), and those that are given themselves, with what their modules
    know: they may lead to it. Raises `HandlerError`."""
    functions: dict[str, Callable[..., Any]] = {}
    known: dict[str, Callable[..., Any]] = {}
    modules = [each if isinstance(each, str) else each.__name__ for each in given if _is_module(each)]
    loaded = Registry.load(modules)
    for function in (*(each.function for each in loaded), *(each for each in given if not _is_module(each))):
        functions[name_of(function)] = function
        known = _neighbours(function) | known
    return Found(list((known | functions).values()), frozenset(functions), loaded.hooks)


def name_of(job: Any) -> str:
    """Of a job, by its handler or its name. Raises `HandlerError`."""
    if isinstance(job, str):
        return job
    options = getattr(job, MARK, None)
    if not isinstance(options, JobOptions):
        raise HandlerError(f"{job!r} is neither a handler (a function with @job) nor the name of a job")
    return options.name


def _is_module(given: Any) -> bool:
    return isinstance(given, str | ModuleType)


def _neighbours(function: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """The other handlers that are names in its module. One that can't be served is none."""
    near: dict[str, Callable[..., Any]] = {}
    for value in list(getattr(unwrap(function), "__globals__", {}).values()):
        if isinstance(getattr(value, "__dict__", {}).get(MARK), JobOptions) and _is_sound(value):
            near[name_of(value)] = value
    return near


def _is_sound(function: Callable[..., Any]) -> bool:
    try:
        handler(function)
    except HandlerError:
        return False
    return True
