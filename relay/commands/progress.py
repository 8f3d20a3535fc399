"""Long works, slice by slice: what they do is shown at a terminal as they do it, and counted."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from relay.commands.ending import Unreached
from relay.commands.tables import console, remark
from relay.operations.operations import Operations
from relay.operations.seen import Done, JobFilter, JobPage, JobRow

PAGE = 500  # jobs that are asked for at once
Slice = Callable[[str], Awaitable[Done]]  # of a long work, from a cursor


def bar(what: str, total: int | None) -> tuple[AbstractContextManager[Any], Callable[[int], None]]:
    """A progress bar on standard error, if that is a terminal, and what moves it to a count."""
    if not sys.stderr.isatty():
        return nullcontext(), lambda done: None
    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(sys.stderr),
        transient=True,
    )
    task = shown.add_task(what, total=total)
    return shown, lambda done: shown.update(task, completed=done)


async def work(what: str, total: int | None, next_slice: Slice, away: set[int]) -> int:
    """Do a long work to its end; how many it was done to. Where it ends early, that is said. `away` gets the numbers of
    partitions that did not answer: see `check_all_there`."""
    shown, move = bar(what, total)
    done, cursor, is_whole = 0, "", False
    try:
        with shown:
            while not is_whole:
                slice = await next_slice(cursor)
                done += slice.done
                away.update(slice.away)
                move(done)
                cursor = slice.cursor
                is_whole = not cursor
    finally:
        if not is_whole:
            remark(f"{what} ended early: {done:,} were done, and maybe some of the next ones")
    return done


def check_all_there(away: Iterable[int]) -> None:
    """What was done is said already. Raises `Unreached` where partitions did not answer."""
    if numbers := {*away}:
        raise Unreached(f"{_left_out(numbers)} not all was done there, so repeat this once that is over")


def _left_out(away: Iterable[int]) -> str:
    """Partitions that did not answer."""
    numbers = sorted(away)
    which, verb = ("partition", "does") if len(numbers) == 1 else ("partitions", "do")
    return f"{which} {', '.join(map(str, numbers))} of the store {verb} not answer:"


async def found(operations: Operations, wanted: JobFilter, most: int) -> AsyncIterator[JobRow]:
    """Jobs that match, up to so many."""
    cursor, away = "", set[int]()
    while most > 0:
        page = await operations.jobs(wanted, min(most, PAGE), cursor)
        _remark_away(page, away)
        for row in page.jobs[:most]:
            yield row
        most -= len(page.jobs)
        cursor = page.cursor
        if not cursor:
            return


async def counted(operations: Operations, wanted: JobFilter, what: str) -> int:
    """How many jobs match now."""
    shown, move = bar(what, None)
    count, cursor, away = 0, "", set[int]()
    with shown:
        while True:
            page = await operations.jobs(wanted, PAGE, cursor)
            _remark_away(page, away)
            count += len(page.jobs)
            move(count)
            cursor = page.cursor
            if not cursor:
                return count


def _remark_away(page: JobPage, known: set[int]) -> None:
    """Say once of each partition that it did not answer."""
    if news := {*page.away} - known:
        known |= news
        remark(f"{_left_out(news)} jobs that live there are not among these")
