"""The command ``relay queues``: shows queues, pauses, resumes and purges them."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Any, NoReturn

from relay.commands.asking import confirm_count
from relay.commands.ending import Unreached
from relay.commands.operating import conduct
from relay.commands.progress import check_all_there, counted, work
from relay.commands.queues_shown import name_table, queue_table
from relay.commands.tables import as_json, remark, show, write
from relay.model.state import State
from relay.operations.finding import jobs_of
from relay.operations.operations import Operations
from relay.operations.seen import JobFilter

_WAITING = (State.QUEUED.value, State.SCHEDULED.value)  # the states of what is purged
_REFUSED = 2  # exit status for what the command line leaves open


def run(asked: Namespace) -> NoReturn:
    """Do what the command line asks for."""
    conduct(asked, act)


async def act(operations: Operations, reactor: Any, asked: Namespace) -> int:
    """Show, pause, resume or purge."""
    if asked.action == "purge":
        return await _purge(operations, reactor, asked)
    await (_list if asked.action == "list" else _pause)(operations, asked)
    return 0


async def _list(operations: Operations, asked: Namespace) -> None:
    overview = await operations.overview()
    if asked.json:
        write(as_json({"queues": overview.queues, "names": overview.names}))
    else:
        show(queue_table(overview), "", name_table(overview))


async def _pause(operations: Operations, asked: Namespace) -> None:
    on = asked.action == "pause"
    if asked.name:
        await operations.pause_name(asked.name, on)
    else:
        await operations.pause_queue(asked.queue, on)
    what = f"jobs of {asked.name} start" if asked.name else f"the queue {asked.queue} starts jobs"
    remark(f"{what} {'no more; those that run go on' if on else 'again'}")


async def _purge(operations: Operations, reactor: Any, asked: Namespace) -> int:
    if asked.yes and not asked.expect:
        remark("relay: --yes needs --expect N: how many jobs there are at most")
        return _REFUSED
    now = (await operations.overview()).time
    meant = [
        JobFilter(state=state, name=asked.name or "", queue=asked.queue or "", before=now + 1)
        for state in _WAITING
    ]
    count = sum([await counted(operations, each, "counting them") for each in meant])
    what = f"of {asked.name}" if asked.name else f"in the queue {asked.queue}"
    if not count:
        raise Unreached(f"nothing {what} waits")
    if asked.expect and count > asked.expect:
        raise Unreached(
            f"{jobs_of(count)} {what} wait, more than the {asked.expect} expected: nothing was done"
        )
    remark(f"{jobs_of(count)} {what} will be cancelled; clients that wait are told so")
    if not asked.yes:
        await confirm_count(reactor, "", count)
    done, away = 0, set[int]()
    for each in meant:
        done += await work("cancelling", count, partial(operations.cancel_some, each), away)
    remark(f"{jobs_of(done)} cancelled")
    check_all_there(away)
    return 0
