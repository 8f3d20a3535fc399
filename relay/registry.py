"""The handlers of one worker: found in modules, and fit for each other."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from relay.handlers import MARK, Handler, HandlerError, Options, handler


class Registry:
    """The handlers of one worker, by the names of their jobs."""

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        self._handlers: dict[str, Handler] = {}
        for function in functions:
            self._add(handler(function))
        for each in self:
            self._check_following(each)

    @classmethod
    def load(cls, modules: Iterable[str]) -> Registry:
        """Import modules or whole packages by name, and take every handler found in them."""
        found: dict[int, Callable[..., Any]] = {}
        for module in modules:
            for function in _marked(module):
                found[id(function)] = function
        return cls(found.values())

    def _add(self, added: Handler) -> None:
        name = added.options.name
        if name in self._handlers:
            places = [
                f"{h.function.__module__}.{h.function.__qualname__}" for h in (self._handlers[name], added)
            ]
            raise HandlerError(f"job {name} is declared twice: {places[0]} and {places[1]}")
        limit = added.options.limit
        for other in self._handlers.values():
            shared = other.options.limit
            if limit and shared and limit.name and limit.name == shared.name and limit != shared:
                raise HandlerError(
                    f"jobs {other.options.name} and {name} give limit {limit.name} two meanings"
                )
        self._handlers[name] = added

    def _check_following(self, added: Handler) -> None:
        options = added.options
        following = self.get(options.then) if options.then else None
        if options.then and following is None:
            raise HandlerError(f"job {options.name}: then={options.then} is not among these jobs: import it")
        if following is not None and not following.takes("outcome"):
            raise HandlerError(f"job {options.name}: {options.then} can't be called with an outcome alone")

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._handlers.values())

    def get(self, name: str) -> Handler | None:
        return self._handlers.get(name)


def _marked(name: str) -> Iterator[Callable[..., Any]]:
    for module in _modules(name):
        for value in vars(module).values():
            if isinstance(getattr(value, MARK, None), Options):
                yield value


def _modules(name: str) -> Iterator[ModuleType]:
    top = import_module(name)
    yield top
    for found in pkgutil.walk_packages(getattr(top, "__path__", ()), f"{name}."):
        yield import_module(found.name)
