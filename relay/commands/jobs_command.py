"""The commands ``relay jobs``, ``relay job`` and ``relay cancel``."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay.commands.finding_jobs import wanted
from relay.commands.jobs_shown import job_page, job_table
from relay.commands.operating import conduct
from relay.commands.progress import found
from relay.commands.tables import as_json, as_line, remark, show, write
from relay.model.problems.request import QueueFull, StoreAway, StoreFull
from relay.model.state import State
from relay.operations.operations import NotPossible, Operations
from relay.operations.seen import JobDetail

ENDED_BADLY = 3  # status of a job that was waited for
_LOOK = 0.5  # seconds between two looks at a job that is waited for
_ENDED = {state.value for state in State if state.complete} | {"dead"}


def run_jobs(asked: Namespace) -> NoReturn:
    """Do what ``relay jobs`` asks for."""
    conduct(asked, list_jobs)


async def list_jobs(operations: Operations, reactor: Any, asked: Namespace) -> None:
    """Write jobs as a table, or as JSON in lines."""
    await write_jobs(operations, asked, (await operations.overview()).time)


async def write_jobs(operations: Operations, asked: Namespace, now: int, state: str = "") -> None:
    """The same, at a time of Redis (ms), of those in a state."""
    looked_for = wanted(asked, now, state)
    if asked.json:
        async for row in found(operations, looked_for, asked.n):
            write(as_line(row))
        return
    rows = [row async for row in found(operations, looked_for, asked.n)]
    show(job_table(rows, now))
    if len(rows) == asked.n:
        remark(f"these are {asked.n}; -n N shows more")


def run_job(asked: Namespace) -> NoReturn:
    """Do what ``relay job`` asks for."""
    conduct(asked, look_at_job)


async def look_at_job(operations: Operations, reactor: Any, asked: Namespace) -> int:
    """Write all that is known of a job, once it has ended if that is waited for."""
    detail = await operations.job(asked.id)
    while asked.wait and detail.row.state not in _ENDED:
        await pause(reactor, _LOOK)
        detail = await operations.job(asked.id)
    await show_job(operations, detail, asked.json)
    return ENDED_BADLY if asked.wait and detail.row.state != State.SUCCEEDED else 0


async def show_job(operations: Operations, detail: JobDetail, json: bool) -> None:
    """Write all that is known of a job."""
    if json:
        write(as_json(detail))
    else:
        show(*job_page(detail, (await operations.overview()).time))


def pause(reactor: Any, seconds: float) -> Deferred[None]:
    """Some time."""
    return deferLater(reactor, seconds)


def run_cancel(asked: Namespace) -> NoReturn:
    """Do what ``relay cancel`` asks for."""
    conduct(asked, cancel_jobs)


async def cancel_jobs(operations: Operations, reactor: Any, asked: Namespace) -> int:
    """Cancel jobs by their ids."""

    async def cancel(id: str) -> str:
        state = await operations.cancel(id)
        return f"{id} is {state}" if state in _ENDED else f"{id} is {state}, and told to stop"

    return await each(asked.id, cancel)


async def each(ids: list[str], act: Any) -> int:
    """Act on each of these jobs; what is not possible, or where a partition is away, is told, and the others go on. The
    status."""
    status = 0
    for id in ids:
        try:
            remark(await act(id))
        except (NotPossible, StoreAway, StoreFull, QueueFull) as error:
            remark(f"relay: {id}: {error}")
            status = 1
    return status
