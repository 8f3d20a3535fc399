"""Handlers: the functions that do the work, what ``@job`` says of them, and the schema of their arguments.

A handler is a plain function. ``@job`` returns it unchanged, with one attribute that says how it is to be
run; `Registry` finds such functions in the modules a worker is given.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar, get_type_hints, overload

import msgspec

from relay.context import Context
from relay.errors import BadArguments
from relay.limits import Limit

JOB_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
QUEUE_NAME = JOB_NAME
PRIORITIES = range(-256, 256)
_MARK = "__relay_job__"

Function = TypeVar("Function", bound=Callable[..., Any])


class HandlerError(Exception):
    """A handler is declared in a way that can't work; the message names it and says what to change."""


class Options(msgspec.Struct, frozen=True):
    """How a job is run, as its handler declares it."""

    name: str
    queue: str = "default"
    priority: int = 0  # -256…255, higher goes first
    timeout: float = 60.0  # seconds for one attempt
    retries: int = 0  # attempts after the first that fails
    once: bool = False  # never to be started a second time
    thread: bool = False  # a blocking function, to be called in a thread
    limit: Limit | None = None  # how often it may be started, all workers together


@overload
def job(function: Function, /) -> Function: ...


@overload
def job(
    *,
    name: str = "",
    queue: str = "default",
    priority: int = 0,
    timeout: float = 60.0,
    retries: int = 0,
    once: bool = False,
    thread: bool = False,
    limit: str | Limit | None = None,
) -> Callable[[Function], Function]: ...


def job(
    function: Function | None = None, /, *, name: str = "", limit: str | Limit | None = None, **options: Any
) -> Any:
    """Declare a function as the handler of a job, and return it unchanged.

    `name`: what clients submit to, the function's own unless given · `queue`: workers can be started for
    some queues only · `priority`: -256…255, higher goes first · `timeout`: seconds for one attempt ·
    `retries`: how many more attempts a failed job gets, with growing pauses · `once`: never started a second time,
    an attempt whose end is unknown fails as `interrupted` · `thread`: the function blocks · `limit`: how often it may
    be started, all workers together: ``50/s``, ``200/h``, or a `Limit`.
    """

    def mark(function: Function) -> Function:
        limited = Limit(limit) if isinstance(limit, str) else limit
        declared = Options(name=name or function.__name__, limit=limited, **options)
        _check(function, declared)
        setattr(function, _MARK, declared)
        return function

    return mark if function is None else mark(function)


def _check(function: Callable[..., Any], options: Options) -> None:
    wrong = [
        (
            not JOB_NAME.fullmatch(options.name),
            f"name {options.name!r} is not of the form {JOB_NAME.pattern}",
        ),
        (
            not QUEUE_NAME.fullmatch(options.queue),
            f"queue {options.queue!r} is not of the same form as a name",
        ),
        (options.priority not in PRIORITIES, f"priority {options.priority!r} is not within -256…255"),
        (not options.timeout > 0, f"timeout {options.timeout!r} is not a number of seconds above 0"),
        (not options.retries >= 0, f"retries {options.retries!r} is not 0 or more"),
        (options.once and options.retries > 0, "once=True and retries contradict each other"),
        (
            options.thread and inspect.iscoroutinefunction(function),
            "thread=True is for blocking functions, not for async def",
        ),
    ]
    if options.limit is not None:
        wrong.append(_misfit(function, options.limit))
    for bad, why in wrong:
        if bad:
            raise HandlerError(f"@job {function.__module__}.{function.__qualname__}: {why}")


def _misfit(function: Callable[..., Any], limit: Limit) -> tuple[bool, str]:
    try:
        limit.check()
    except ValueError as error:
        return True, f"limit: {error}"
    return bool(limit.per) and limit.per not in inspect.signature(function).parameters, (
        f"limit: there is no argument {limit.per!r} to count by"
    )


@dataclass(frozen=True, slots=True)
class Handler:
    """A function, how it is run, and the type of its arguments."""

    function: Callable[..., Any]
    options: Options
    arguments: type[msgspec.Struct]
    context: str  # the parameter that wants the Context; "" for none

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments (draft 2020-12), as fronts check it."""
        return msgspec.json.schema(self.arguments)

    def decode(self, arguments: str) -> dict[str, Any]:
        """JSON arguments as the values that the parameters are annotated with; raises `BadArguments`."""
        try:
            decoded = msgspec.json.decode(arguments, type=self.arguments)
        except msgspec.ValidationError as error:
            raise BadArguments(str(error)) from error
        return {field: getattr(decoded, field) for field in self.arguments.__struct_fields__}


def handler(function: Callable[..., Any]) -> Handler:
    """What ``@job`` said of a function, with its arguments typed by its signature."""
    options: Options = getattr(function, _MARK)
    parameters = list(_parameters(function, options.name))
    contexts = [name for name, annotation, _ in parameters if annotation is Context]
    fields = [
        (name, annotation) if default is inspect.Parameter.empty else (name, annotation, default)
        for name, annotation, default in parameters
        if annotation is not Context
    ]
    try:
        arguments = msgspec.defstruct(options.name, fields, kw_only=True, forbid_unknown_fields=True)
        msgspec.json.schema(arguments)
    except TypeError as error:
        raise HandlerError(
            f"job {options.name}: an argument's type can't be sent as JSON: {error}"
        ) from error
    return Handler(function, options, arguments, contexts[0] if contexts else "")


def _parameters(function: Callable[..., Any], name: str) -> Iterator[tuple[str, Any, Any]]:
    parameters = inspect.signature(function).parameters
    written = {
        p.name: p.annotation for p in parameters.values() if p.annotation is not inspect.Parameter.empty
    }
    scope = getattr(function, "__globals__", {})
    hints = get_type_hints(SimpleNamespace(__annotations__=written), scope, include_extras=True)
    for parameter in parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise HandlerError(f"job {name}: {parameter} can't be passed by name, as arguments are")
        yield parameter.name, hints.get(parameter.name, Any), parameter.default


class Registry:
    """The handlers of one worker, by the names of their jobs."""

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        self._handlers: dict[str, Handler] = {}
        for function in functions:
            self._add(handler(function))

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

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._handlers.values())

    def get(self, name: str) -> Handler | None:
        return self._handlers.get(name)


def _marked(name: str) -> Iterator[Callable[..., Any]]:
    for module in _modules(name):
        for value in vars(module).values():
            if isinstance(getattr(value, _MARK, None), Options):
                yield value


def _modules(name: str) -> Iterator[ModuleType]:
    top = import_module(name)
    yield top
    for found in pkgutil.walk_packages(getattr(top, "__path__", ()), f"{name}."):
        yield import_module(found.name)
