"""The command ``relay erase``: all that is kept of an owner is deleted, and its jobs are cancelled."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Any, NoReturn

from relay.commands.asking import confirm
from relay.commands.ending import Unreached
from relay.commands.operating import conduct
from relay.commands.progress import check_all_there, counted, work
from relay.commands.tables import remark
from relay.operations.finding import jobs_of
from relay.operations.operations import Operations
from relay.operations.seen import JobFilter

_ROUNDS = 20  # after which the owner submits faster than this command erases
_LEFT = (
    "What relay can't reach: its logs and those of proxies, traces and error reports, what handlers wrote elsewhere or "
    "sent to APIs, backups of Redis, and its append-only file until it is rewritten (BGREWRITEAOF)."
)


def run(asked: Namespace) -> NoReturn:
    """Do what the command line asks for."""
    conduct(asked, act)


async def act(operations: Operations, reactor: Any, asked: Namespace) -> int:
    """Count, ask, erase."""
    owner = asked.owner
    count = await counted(operations, JobFilter(owner=owner), "counting jobs")
    count += await counted(operations, JobFilter(owner=owner, state="dead"), "counting dead jobs")
    remark(
        f"{jobs_of(count)} of {owner} found: those that live are cancelled, and all that is kept is deleted"
    )
    await confirm(reactor, "Erase it for good?", asked.yes)
    away = set[int]()
    done = await _rounds(operations, owner, count, away)
    things = "one thing" if done == 1 else f"{done:,} things"
    remark(f"{things} of {owner} erased" if done else f"there was nothing of {owner} left to erase")
    remark(_LEFT)
    check_all_there(away)
    return 0


async def _rounds(operations: Operations, owner: str, count: int, away: set[int]) -> int:
    """Erase until a whole round finds nothing; how much that was. `away` gets the partitions that did not answer."""
    done = 0
    for _ in range(_ROUNDS):
        now = await work("erasing", count or None, partial(operations.erase_some, owner), away)
        done += now
        if not now:
            return done
    raise Unreached(
        f"{owner} goes on submitting jobs, or some of them do not stop: revoke its token first (relay tokens revoke)"
    )
