"""Long works, slice by slice: what they do is shown at a terminal as they do it, and counted."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from relay.commands.tables import console, remark
from relay.operations.operations import Operations
from relay.operations.seen import Done, JobFilter, JobRow

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


async def work(what: str, total: int | None, next_slice: Slice) -> int:
    """Do a long work to its end; how many it was done to. Where it ends early, that is said."""
    shown, move = bar(what, total)
    done, cursor, is_whole = 0, "", False
    try:
        with shown:
            while not is_whole:
                slice = await next_slice(cursor)
                done += slice.done
                move(done)
                cursor = slice.cursor
                is_whole = not cursor
    finally:
        if not is_whole:
            remark(f"{what} ended early: {done:,} were done, and maybe some of the next ones")
    return done


async def found(operations: Operations, wanted: JobFilter, most: int) -> AsyncIterator[JobRow]:
    """Jobs that match, up to so many."""
    cursor = ""
    while most > 0:
        page = await operations.jobs(wanted, min(most, PAGE), cursor)
        for row in page.jobs[:most]:
            yield row
        most -= len(page.jobs)
        cursor = page.cursor
        if not cursor:
            return


async def counted(operations: Operations, wanted: JobFilter, what: str) -> int:
    """How many jobs match now."""
    shown, move = bar(what, None)
    count, cursor = 0, ""
    with shown:
        while True:
            page = await operations.jobs(wanted, PAGE, cursor)
            count += len(page.jobs)
            move(count)
            cursor = page.cursor
            if not cursor:
                return count
