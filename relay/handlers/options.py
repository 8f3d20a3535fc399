"""The options of a job, as ``@job`` is given them, and the check of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from relay.model.limits import Limit
from relay.model.names import JOB_NAME, QUEUE_NAME
from relay.model.problems import registry
from relay.model.problems.base import JobError
from relay.model.schedule import CATCH_UP
from relay.model.text import did_you_mean

PRIORITIES = range(-256, 256)
RETRIES = range(1001)
MOST = range(100_001)
LONGEST = 30 * 86400.0  # seconds that an attempt may be given
FRESHEST = 30 * 86400.0  # seconds for which a success may be the answer
HELD_BACK = 3600.0  # seconds, at most


class HandlerError(Exception):
    """A handler is declared in a way that can't work; the message, one line, names its job and says what to change."""


class JobOptions(msgspec.Struct, frozen=True):
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
    most: int = 0  # how many may run at once, all workers together; 0 for any number
    per: str = ""  # an argument, each of whose values has a `most` (and a limit) of its own
    internal: bool | None = None  # not for clients; None: if it is there for a `then` of another only
    local: bool = False  # for clients of this machine only
    problems: tuple[type[JobError], ...] = ()  # that it fails with, to be explained to clients
    cron: str = ""  # when it is fired
    timezone: str = "UTC"  # of the schedule
    every: str | float = ""  # the same, seconds between two firings
    catch_up: str = "last"  # which of the firings that were missed are made up for
    unique: bool | float = (
        False  # others that ask for the same join it, and for so many seconds get its success
    )
    unique_by: str | tuple[str, ...] = ()  # the arguments that are compared for that, () for all
    debounce: float = 0.0  # seconds for which it is held back, so that the last of several counts
    durable: bool = False  # accepted, and its outcome told, once a replica or the disk has that

    @property
    def by(self) -> tuple[str, ...]:
        """The arguments of `unique_by`."""
        return (self.unique_by,) if isinstance(self.unique_by, str) else self.unique_by

    @property
    def attempts(self) -> int:
        """How often the job may be started."""
        return 1 + self.retries


def misfit_of_names(given: Mapping[str, Any]) -> str:
    """What is wrong with the names of these options; "" if nothing is."""
    for name in given:
        if name not in JobOptions.__struct_fields__:
            return f"there is no option {name!r}: {did_you_mean(name, JobOptions.__struct_fields__)}"
    return ""


def misfits(options: JobOptions, function: Callable[..., Any]) -> Iterator[str]:
    """What is wrong with the values of these options, for this function."""
    for name, (fits, wanted) in _WANTED.items():
        value = getattr(options, name)
        if not fits(value):
            yield f"{name} {value!r} is not {wanted}"
            return
    if options.once and options.retries:
        yield "once=True and retries contradict each other"
    if options.thread and inspect.iscoroutinefunction(function):
        yield "thread=True is for blocking functions, not for async def"
    if options.limit is not None:
        yield from _misfits_of_limit(options.limit, function)
    if options.per:
        yield from _misfits_of_per(options, function)
    yield from (f"problems: {wrong}" for kind in options.problems if (wrong := registry.misfit(kind)))


def _misfits_of_limit(limit: Limit, function: Callable[..., Any]) -> Iterator[str]:
    try:
        limit.check()
    except ValueError as error:
        yield f"limit: {error}"
        return
    if limit.per and limit.per not in inspect.signature(function).parameters:
        yield f"limit: there is no argument {limit.per!r} to count by"


def _misfits_of_per(options: JobOptions, function: Callable[..., Any]) -> Iterator[str]:
    if not options.most and options.limit is None:
        yield "per is for jobs with a most or a limit"
    elif options.limit is not None and options.limit.per not in ("", options.per):
        yield f"per {options.per!r} and the limit's {options.limit.per!r} contradict each other"
    elif options.per not in inspect.signature(function).parameters:
        yield f"per: there is no argument {options.per!r} to count by"


def _is_whole(value: Any, within: range) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in within


def _is_time(value: Any, most: float = LONGEST) -> bool:
    return _is_seconds(value, most) and value > 0


def _is_seconds(value: Any, most: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= most


def _are_names(value: Any) -> bool:
    names = (value,) if isinstance(value, str) else value
    return isinstance(names, tuple) and all(isinstance(name, str) and name for name in names)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and JOB_NAME.fullmatch(value) is not None


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


#: what each option has to be, in the order of telling
_WANTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_is_name, f"a name that matches {JOB_NAME.pattern}"),
    "queue": (_is_name, f"a name that matches {QUEUE_NAME.pattern}"),
    "priority": (lambda value: _is_whole(value, PRIORITIES), "a whole number from -256 to 255"),
    "timeout": (_is_time, f"a number of seconds above 0 and up to {LONGEST:.0f} (30 days)"),
    "retries": (lambda value: _is_whole(value, RETRIES), f"a whole number from 0 to {RETRIES[-1]}"),
    "once": (_is_switch, "True or False"),
    "durable": (_is_switch, "True or False"),
    "thread": (_is_switch, "True or False"),
    "most": (lambda value: _is_whole(value, MOST), f"a whole number from 0 to {MOST[-1]}"),
    "per": (lambda value: isinstance(value, str), "the name of an argument"),
    "internal": (lambda value: value is None or _is_switch(value), "True or False"),
    "local": (_is_switch, "True or False"),
    "limit": (lambda value: value is None or isinstance(value, Limit), "a rate such as '50/s', or a Limit"),
    "problems": (lambda value: isinstance(value, tuple), "a tuple of subclasses of JobError"),
    "cron": (lambda value: isinstance(value, str), "a cron expression such as '*/5 * * * *'"),
    "timezone": (lambda value: isinstance(value, str), "the name of a time zone such as 'Europe/Berlin'"),
    "catch_up": (lambda value: value in CATCH_UP, "'last', 'all' or 'none'"),
    "unique": (
        lambda value: _is_switch(value) or _is_time(value, FRESHEST),
        f"True, False, or a number of seconds up to {FRESHEST:.0f} (30 days)",
    ),
    "unique_by": (_are_names, "the name of an argument, or a tuple of names"),
    "debounce": (
        lambda value: _is_seconds(value, HELD_BACK),
        f"a number of seconds from 0 to {HELD_BACK:.0f} (an hour)",
    ),
    "then": (lambda value: value == "" or _is_name(value), "the name or the function of a job"),
}
