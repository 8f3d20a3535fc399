"""The command ``relay workers``: what each worker does now, and which claims nothing more."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, NoReturn

from relay.commands.operating import conduct
from relay.commands.tables import (
    as_json,
    remark,
    show,
    write,
)
from relay.commands.workers_shown import running_table, worker_table
from relay.operations.operations import Operations


def run(asked: Namespace) -> NoReturn:
    """Do what the command line asks for."""
    conduct(asked, act)


async def act(operations: Operations, reactor: Any, asked: Namespace) -> None:
    """Show, or have one be quiet."""
    await (_list if asked.action == "list" else _quiet)(operations, asked)


async def _list(operations: Operations, asked: Namespace) -> None:
    overview, running = await operations.overview(), await operations.running()
    workers = [process for process in overview.processes if process.role == "worker"]
    if asked.json:
        write(as_json({"workers": workers, "running": running}))
        return
    show(worker_table(workers, overview.time), "", running_table(running, overview))


async def _quiet(operations: Operations, asked: Namespace) -> None:
    on = asked.action == "quiet"
    await operations.quiet(asked.name, on)
    remark(f"{asked.name} {'claims nothing more; its jobs go on' if on else 'claims jobs again'}")
