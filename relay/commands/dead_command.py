"""The command ``relay dead``: shows dead jobs, runs them again, deletes them."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Any, NoReturn

import msgspec

from relay.commands.asking import confirm
from relay.commands.ending import Unreached
from relay.commands.finding_jobs import wanted
from relay.commands.jobs_command import each, show_job, write_jobs
from relay.commands.operating import conduct
from relay.commands.progress import check_all_there, counted, work
from relay.commands.tables import remark, write
from relay.operations.finding import jobs_of
from relay.operations.operations import Operations
from relay.operations.seen import JobFilter

_STATE = "dead"
_REFUSED = 2  # exit status for what the command line leaves open


def run(asked: Namespace) -> NoReturn:
    """Do what the command line asks for."""
    conduct(asked, act)


async def act(operations: Operations, reactor: Any, asked: Namespace) -> int:
    """Show, retry or delete."""
    if asked.action == "show":
        await show_job(operations, await operations.job(asked.id), asked.json)
        return 0
    now = (await operations.overview()).time
    if asked.action == "list":
        await write_jobs(operations, asked, now, _STATE)
        return 0
    return await _change(operations, reactor, asked, now)


async def _change(operations: Operations, reactor: Any, asked: Namespace, now: int) -> int:
    meant = wanted(Namespace(**{**vars(asked), "id": ""}), now, _STATE)
    names_some = meant != JobFilter(state=_STATE)
    if asked.id and (names_some or asked.all):
        return _refused("name the jobs by their ids, or by options, not both")
    if asked.id:
        return await _each(operations, asked)
    if not names_some and not asked.all:
        return _refused("say which: ids, options such as --name, or --all (see relay dead --help)")
    # what dies after this moment, maybe because it was run again, is not meant
    return await _some(
        operations, reactor, asked, msgspec.structs.replace(meant, before=meant.before or now + 1)
    )


def _refused(why: str) -> int:
    remark(f"relay: {why}")
    return _REFUSED


async def _each(operations: Operations, asked: Namespace) -> int:
    async def retry(id: str) -> str:
        write(await operations.retry(id))
        return f"{id} runs again"

    async def delete(id: str) -> str:
        await operations.delete(id)
        return f"{id} is deleted"

    return await each(asked.id, retry if asked.action == "retry" else delete)


async def _some(operations: Operations, reactor: Any, asked: Namespace, meant: JobFilter) -> int:
    count = await counted(operations, meant, "finding them")
    if not count:
        raise Unreached("no dead job is like this")
    is_retry = asked.action == "retry"
    verb = "Run them again?" if is_retry else "Delete them for good?"
    remark(f"{jobs_of(count)} found")
    await confirm(reactor, verb, asked.yes)
    slices = operations.retry_some if is_retry else operations.delete_some
    away = set[int]()
    done = await work("retrying" if is_retry else "deleting", count, partial(slices, meant), away)
    remark(f"{jobs_of(done)} {'run again' if is_retry else 'deleted'}")
    check_all_there(away)
    if done < count:
        remark(f"{count - done:,} could not be: their arguments were not kept, or somebody else was faster")
    return 0 if done >= count else 1
