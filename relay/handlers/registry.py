"""The handlers of one worker: found in modules, chosen by their queues, and fit for each other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from types import ModuleType
from typing import Any

from relay.handlers.declare import MARK, Handler, handler
from relay.handlers.hooks import MARK as HOOKS
from relay.handlers.hooks import Hooks, hooks_of
from relay.handlers.importing import modules
from relay.handlers.options import HandlerError, JobOptions
from relay.model.imports import find_in_current_folder
from relay.model.settings import SettingError, Settings


def chosen(settings: Settings) -> Registry:
    """The handlers that a worker with these settings serves; raises `SettingError`."""
    find_in_current_folder()
    try:
        registry = Registry.load(settings.jobs)
    except HandlerError as error:
        raise SettingError(f"--jobs: {error}") from error
    if not list(registry):
        raise SettingError(f"--jobs: there are no handlers in {', '.join(settings.jobs)}")
    narrowed = registry.only(settings.queues)
    if not list(narrowed):
        asked, there = (", ".join(sorted(set(queues))) for queues in (settings.queues, registry.queues()))
        raise SettingError(f"--queues: none of the jobs is in {asked}; their queues are {there}")
    return narrowed


class Registry:
    """The handlers of one worker, by the names of their jobs. To iterate over it gives those that it serves; `get`
    knows also those that were left out by their queue, which may follow jobs that it serves."""

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        self._handlers: dict[str, Handler] = {}
        self._queues: frozenset[str] | None = None  # None for all
        #: handlers that the modules import from others, and that are not served
        self.passed_over: list[str] = []
        #: what the modules have called before and after all
        self.hooks = Hooks()
        for function in functions:
            self._add(handler(function))
        for each in self:
            self._check_following(each)

    @classmethod
    def load(cls, modules: Iterable[str]) -> Registry:
        """Import modules or whole packages by name, and take the handlers that are declared in them, those that they
        name in ``__all__``, and what these name in `then`: others that they import are not meant to be served."""
        own: dict[int, Callable[..., Any]] = {}
        imported: dict[int, Callable[..., Any]] = {}
        hooks: dict[int, Callable[..., Any]] = {}
        for module, value in _members(modules):
            if isinstance(_mark_of(value), JobOptions):
                (own if _is_own(module, value) else imported)[id(value)] = value
            if isinstance(_mark_of(value, HOOKS), tuple) and _is_own(module, value):
                hooks[id(value)] = value
        while following := _followers(own.values(), imported.values()):
            own |= {id(function): function for function in following}
        made = cls(own.values())
        made.passed_over = [
            f"{f.__module__}.{f.__qualname__}" for key, f in imported.items() if key not in own
        ]
        made.hooks = hooks_of(list(hooks.values()))
        return made

    def only(self, queues: Collection[str]) -> Registry:
        """The same, serving the jobs of these queues only; all of them where none is named."""
        narrowed = Registry(())
        narrowed._handlers = self._handlers
        narrowed._queues = frozenset(queues) or None
        narrowed.passed_over = self.passed_over
        narrowed.hooks = self.hooks
        return narrowed

    def is_internal(self, handler: Handler) -> bool:
        """Whether clients may not submit its job."""
        said, name = handler.options.internal, handler.options.name
        return any(each.options.then == name for each in self._handlers.values()) if said is None else said

    def queues(self) -> set[str]:
        """The queues of the jobs that it serves."""
        return {handler.options.queue for handler in self}

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
                    f"jobs {other.options.name} and {name} declare limit {limit.name} differently"
                )
        self._handlers[name] = added

    def _check_following(self, added: Handler) -> None:
        options = added.options
        following = self.get(options.then) if options.then else None
        if options.then and following is None:
            raise HandlerError(f"job {options.name}: then={options.then} is not among these jobs: import it")
        if following is not None and not following.takes("outcome"):
            raise HandlerError(
                f"job {options.name}: {options.then} can't be called with the argument outcome alone"
            )

    def __iter__(self) -> Iterator[Handler]:
        for each in self._handlers.values():
            if self._queues is None or each.options.queue in self._queues:
                yield each

    def names(self) -> list[str]:
        """Those of all jobs that `get` knows."""
        return list(self._handlers)

    def get(self, name: str) -> Handler | None:
        return self._handlers.get(name)


def _members(names: Iterable[str]) -> Iterator[tuple[ModuleType, Any]]:
    for name in names:
        for module in modules(name):
            yield from ((module, value) for value in list(vars(module).values()))


def _followers(
    taken: Iterable[Callable[..., Any]], others: Iterable[Callable[..., Any]]
) -> list[Callable[..., Any]]:
    """Of other handlers those that are named in the `then` of one that was taken, and that none of these is."""
    marks = [getattr(function, MARK) for function in taken]
    wanted = {mark.then for mark in marks} - {mark.name for mark in marks}
    return [other for other in others if getattr(other, MARK).name in wanted]


def _is_own(module: ModuleType, function: Callable[..., Any]) -> bool:
    """Whether a module declares a handler, or says that it is a part of it; one that a decorator made in a module of
    its own is nobody else's, either."""
    home = sys.modules.get(getattr(function, "__module__", None) or "", module)
    if home is module or all(value is not function for value in list(vars(home).values())):
        return True
    return any(vars(module).get(name) is function for name in getattr(module, "__all__", ()))


def _mark_of(value: Any, mark: str = MARK) -> Any:
    try:
        return getattr(value, mark, None)
    except Exception:  # a proxy, for something that is not there now
        return None
