"""Handlers: the functions that do the work, what ``@job`` says of them, and the schema of their arguments.

A handler is a plain function. ``@job`` returns it unchanged, with one attribute that says how it is to be
run; `relay.registry` finds such functions in the modules a worker is given.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar, get_type_hints, overload

import msgspec

from relay.context import Context
from relay.errors import BadArguments
from relay.limits import Limit

JOB_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
QUEUE_NAME = JOB_NAME
PRIORITIES = range(-256, 256)
MARK = "__relay_job__"  # the attribute with a handler's `Options`

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
    then: str = ""  # the job that is given an outcome which nobody collected


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
    then: str | Callable[..., Any] = "",
) -> Callable[[Function], Function]: ...


def job(
    function: Function | None = None,
    /,
    *,
    name: str = "",
    limit: str | Limit | None = None,
    then: str | Callable[..., Any] = "",
    **options: Any,
) -> Any:
    """Declare a function as the handler of a job, and return it unchanged.

    `name`: what clients submit to, the function's own unless given · `queue`: workers can be started for
    some queues only · `priority`: -256…255, higher goes first · `timeout`: seconds for one attempt ·
    `retries`: how many more attempts a failed job gets, with growing pauses · `once`: never started a second time,
    an attempt whose end is unknown fails as `interrupted` · `thread`: the function blocks · `limit`: how often it may
    be started, all workers together: ``50/s``, ``200/h``, or a `Limit` · `then`: the job, by name or by its function,
    that is given an outcome which nobody collected, as its argument `outcome` (an envelope).
    """

    def mark(function: Function) -> Function:
        limited = Limit(limit) if isinstance(limit, str) else limit
        following = then if isinstance(then, str) else getattr(then, MARK, Options(name="")).name
        declared = Options(name=name or function.__name__, limit=limited, then=following, **options)
        _check(function, declared, then)
        setattr(function, MARK, declared)
        return function

    return mark if function is None else mark(function)


def _check(function: Callable[..., Any], options: Options, then: Any) -> None:
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
        (callable(then) and not options.then, "then is a function that is no job"),
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

    def takes(self, argument: str) -> bool:
        """Whether it can be called with this argument and no other."""
        fields = msgspec.structs.fields(self.arguments)
        return any(field.name == argument for field in fields) and all(
            field.name == argument or not field.required for field in fields
        )

    def decode(self, arguments: str) -> dict[str, Any]:
        """JSON arguments as the values that the parameters are annotated with; raises `BadArguments`."""
        try:
            decoded = msgspec.json.decode(arguments, type=self.arguments)
        except msgspec.ValidationError as error:
            raise BadArguments(str(error)) from error
        return {field: getattr(decoded, field) for field in self.arguments.__struct_fields__}


def handler(function: Callable[..., Any]) -> Handler:
    """What ``@job`` said of a function, with its arguments typed by its signature."""
    options: Options = getattr(function, MARK)
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
