"""The schedule of a job, and what of it is one with others: the options that say so, and the check of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from relay.handlers.options import JobOptions
from relay.model.schedule import Schedule, seconds_of


def schedule_of(options: JobOptions) -> Schedule | None:
    """When the job is fired; None for one without a schedule. Raises `ValueError`."""
    if options.cron and options.every != "":
        raise ValueError("cron and every contradict each other: a job has one schedule")
    if not options.cron and options.every == "":
        return None
    every = 0 if options.cron else _every(options)
    schedule = Schedule(options.cron, options.timezone, every, options.catch_up)
    try:
        schedule.check()
    except ValueError as error:
        raise ValueError(f"{'cron' if options.cron else 'timezone'}: {error}") from None
    return schedule


def without_schedule(options: JobOptions) -> JobOptions:
    """The same for a job that is not fired."""
    return msgspec.structs.replace(options, cron="", timezone="UTC", every="", catch_up="last")


def _every(options: JobOptions) -> int:
    try:
        return seconds_of(options.every)
    except ValueError as error:
        raise ValueError(f"every: {error}") from None


def misfits_of_plan(options: JobOptions, function: Callable[..., Any]) -> Iterator[str]:
    """What is wrong with the options of schedules and of uniqueness, for this function."""
    try:
        schedule = schedule_of(options)
    except ValueError as error:
        yield str(error)
        return
    if schedule is None and options.timezone != "UTC":
        yield "timezone is for jobs with a cron or an every"
    if schedule is None and options.catch_up != "last":
        yield "catch_up is for jobs with a cron or an every"
    if schedule is not None and options.debounce:
        yield "debounce and a schedule contradict each other"
    if schedule is not None and (options.per or (options.limit is not None and options.limit.per)):
        yield "a schedule gives the job no arguments, so there is nothing that per could count by"
    yield from _misfits_of_unique(options, function)


def _misfits_of_unique(options: JobOptions, function: Callable[..., Any]) -> Iterator[str]:
    if options.debounce and options.unique is not False:
        yield "debounce and unique contradict each other: what is held back is one job until it runs"
    if options.by and not options.debounce and options.unique is False:
        yield "unique_by is for jobs with unique or debounce"
    known = inspect.signature(function).parameters
    for argument in options.by:
        if argument not in known:
            yield f"unique_by: there is no argument {argument!r} to compare"
