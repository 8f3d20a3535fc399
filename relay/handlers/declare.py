"""``@job``: declares a function as a handler; what was said of it is kept on it, as one attribute."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_overloads, overload

import msgspec

from relay.handlers import options as checks
from relay.handlers import planned, signature
from relay.handlers.annotations import SignatureError
from relay.handlers.options import HandlerError, JobOptions
from relay.model.arguments.foreign import build
from relay.model.limits import Limit
from relay.model.names import HANDLER_MARK
from relay.model.problems.base import JobError
from relay.model.problems.request import BadArguments
from relay.model.schedule import Schedule

MARK = HANDLER_MARK  # the attribute with a handler's `JobOptions`

Function = TypeVar("Function", bound=Callable[..., Any])


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
    most: int = 0,
    per: str = "",
    internal: bool | None = None,
    local: bool = False,
    problems: tuple[type[JobError], ...] = (),
    cron: str = "",
    timezone: str = "UTC",
    every: str | float = "",
    catch_up: Literal["last", "all", "none"] = "last",
    unique: bool | float = False,
    unique_by: str | tuple[str, ...] = (),
    debounce: float = 0.0,
    durable: bool = False,
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

    `name`: what clients submit to; the function's name by default · `queue`: workers can be started for some queues
    only · `priority`: -256…255, higher goes first · `timeout`: seconds for one attempt · `retries`: how many more
    attempts a failed job gets, with growing pauses · `once`: the job is never started a second time, unless it has a
    checkpoint; if the end of its attempt is unknown, it fails as `interrupted` · `thread`: the function blocks ·
    `limit`: how often jobs may be started, by all workers together: ``50/s``, ``200/h``, or a `Limit` · `most`: how
    many may run at once, on all workers together; 0 for no limit · `per`: an argument; each of its values has a `most`
    of its own · `then`: the job, by name or function, that gets an outcome which nobody collected, as its argument
    `outcome` (an envelope) · `internal`: whether the job is hidden from clients, so that only other jobs lead to it; by
    default this is true of a job that another names in its `then` · `local`: whether only clients of the same machine
    may submit it, and nobody if relay is started with ``--open`` · `problems`: subclasses of `JobError` that it raises,
    each with a slug, a title and a docstring, which ``/problems/{slug}`` shows to clients · `cron`: fired at these
    times, by all workers together once, in `timezone` · `every`: fired every so many seconds: ``30s``, ``5m``, a number
    · `catch_up`: of the firings that nobody was there for, ``last`` is made up for, ``all`` are, or ``none`` ·
    `unique`: another submission with the same arguments joins the job as long as it lives; a number: and is given its
    success for so many seconds · `unique_by`: the arguments that are compared for that, all by default · `debounce`:
    held back for so many seconds, and another one meanwhile takes its place · `durable`: accepted, and its outcome
    told, only when a replica or the disk has that.
    """

    mark = functools.partial(_mark, name, limit, then, options)
    return mark if function is None else mark(function)


def _shown() -> inspect.Signature:
    """What ``help(job)`` shows: the options with their defaults, as they are declared above."""
    shown = inspect.signature(get_overloads(job)[-1])
    function = inspect.Parameter("function", inspect.Parameter.POSITIONAL_ONLY, default=None)
    return shown.replace(parameters=[function, *shown.parameters.values()])


job.__signature__ = _shown()  # type: ignore[attr-defined]


def _mark(
    name: str,
    limit: str | Limit | None,
    then: str | Callable[..., Any],
    options: dict[str, Any],
    function: Function,
) -> Function:
    """Keep on a function what was declared of it; raises `HandlerError`."""
    chosen = name if name != "" else getattr(function, "__name__", "")
    limited = Limit(limit) if isinstance(limit, str) else limit
    following = getattr(then, MARK, JobOptions(name="")).name if callable(then) else then
    unknown = checks.misfit_of_names(options)
    if unknown:
        raise HandlerError(f"{_title(chosen, function)}: {unknown}")
    declared = JobOptions(name=chosen, limit=limited, then=following, **options)
    for misfit in _misfits(function, declared, then):
        raise HandlerError(f"{_title(chosen, function)}: {misfit}")
    setattr(function, MARK, declared)
    return function


def _title(name: Any, function: Any) -> str:
    """A job and where it is declared."""
    place = getattr(function, "__qualname__", None) or type(function).__name__
    return f"job {name} ({getattr(function, '__module__', None) or '?'}.{place})"


def _misfits(function: Any, options: JobOptions, then: Any) -> Iterator[str]:
    wrong = _misfit_of_function(function)
    if wrong:
        yield wrong
    wrong = next(checks.misfits(options, function), "")
    if wrong:
        yield wrong
        return
    yield from planned.misfits_of_plan(options, function)
    if callable(then) and not options.then:
        yield "then is a function without @job"


def _misfit_of_function(function: Any) -> str:
    """Why a handler can't be what was given; "" if it can."""
    kinds: list[tuple[Callable[[Any], bool], str]] = [
        (lambda f: isinstance(f, staticmethod | classmethod | property), "a part of a class"),
        (inspect.isclass, "a class"),
        (inspect.ismethod, "a method of an object"),
        (lambda f: isinstance(f, functools.partial), "a functools.partial"),
        (inspect.isbuiltin, "built into Python"),
        (lambda f: not callable(f) or not hasattr(f, "__name__"), "not a function"),
        (_is_method, "a method"),
        (
            inspect.isgeneratorfunction,
            "a generator (it yields; @inlineCallbacks would make it one of Twisted's)",
        ),
        (inspect.isasyncgenfunction, "an asynchronous generator (it yields, but a job has one result)"),
    ]
    for is_one, kind in kinds:
        if is_one(function):
            return f"it is {kind}: declare a function of the module, plain or async"
    return ""


def _is_method(function: Any) -> bool:
    within = getattr(function, "__qualname__", "").rpartition(".")[0]
    return (
        bool(within)
        and not within.endswith("<locals>")
        and next(iter(_names(function)), "") in ("self", "cls")
    )


def _names(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


@dataclass(frozen=True, slots=True)
class Handler:
    """A function, how it is run, and the type of its arguments."""

    function: Callable[..., Any]
    options: JobOptions
    signature: signature.Signature

    @property
    def context(self) -> str:
        """The parameter that wants the Context; "" for none."""
        return self.signature.context

    @property
    def schedule(self) -> Schedule | None:
        """When its job is fired; None for a job that is not."""
        return planned.schedule_of(self.options)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments (draft 2020-12), with the shapes by which fronts decode."""
        return self.signature.schema

    def takes(self, argument: str) -> bool:
        """Whether the handler can be called with this argument alone, "" for none."""
        fields = msgspec.structs.fields(self.signature.arguments)
        return (not argument or any(field.name == argument for field in fields)) and all(
            field.name == argument or not field.required for field in fields
        )

    def has(self, argument: str) -> bool:
        """Whether the handler has an argument of this name."""
        return argument in self.signature.arguments.__struct_fields__

    def decode(self, arguments: str) -> dict[str, Any]:
        """JSON arguments as the values that the parameters are annotated with; raises `BadArguments`."""
        try:
            decoded = msgspec.json.decode(arguments, type=self.signature.arguments, dec_hook=build)
        except (msgspec.MsgspecError, TypeError, RecursionError) as error:  # a list has no place in a set
            raise BadArguments(str(error)) from error
        return msgspec.structs.asdict(decoded)


def _in_a_line(text: str) -> str:
    """What pydantic says of a type, without its address."""
    return " ".join(text.partition("\n\nFor further information")[0].split())


def handler(function: Callable[..., Any]) -> Handler:
    """The handler that ``@job`` declared, with its arguments typed by its signature. Raises `HandlerError`."""
    options: JobOptions = getattr(function, MARK)
    title = _title(options.name, function)
    try:
        read = signature.read(function, options.name)
    except SignatureError as error:
        raise HandlerError(f"{title}: {_in_a_line(str(error))}") from error
    counted = options.per or (options.limit.per if options.limit else "")
    if counted and not read.argument_named(counted):
        given = "the Context" if counted == read.context else "shared"
        raise HandlerError(
            f"{title}: {'per' if options.per else 'limit'}: {counted} is {given}, not an argument to count by"
        )
    if read.context in options.by:
        raise HandlerError(f"{title}: unique_by: {read.context} is the Context, not an argument to compare")
    made = Handler(function, options, read)
    if made.schedule is not None and not made.takes(""):
        raise HandlerError(f"{title}: a schedule gives the job no arguments, so each of them needs a default")
    return made
