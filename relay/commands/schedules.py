"""The command ``relay schedules``: shows when jobs are fired, pauses and resumes schedules, fires jobs by hand."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from relay.commands.operating import conduct
from relay.commands.schedule_list import schedule_table
from relay.commands.tables import as_json, remark, show, write
from relay.operations.operations import Operations


def run(asked: Namespace) -> NoReturn:
    """Do what the command line asks for."""
    conduct(asked, act)


async def act(operations: Operations, reactor: Any, asked: Namespace) -> None:
    """Show, or act on one."""
    await _ACTIONS[asked.action](operations, asked)


async def _list(operations: Operations, asked: Namespace) -> None:
    schedules = await operations.schedules()
    if asked.json:
        write(as_json(schedules))
    else:
        show(schedule_table(schedules))


async def _pause(operations: Operations, asked: Namespace) -> None:
    on = asked.action == "pause"
    await operations.pause_schedule(asked.name, on)
    remark(f"the schedule of {asked.name} {'is paused' if on else 'goes on'}")


async def _fire(operations: Operations, asked: Namespace) -> None:
    write(await operations.fire(asked.name))


_ACTIONS: dict[str, Callable[[Operations, Namespace], Awaitable[None]]] = {
    "list": _list,
    "pause": _pause,
    "resume": _pause,
    "fire": _fire,
}
