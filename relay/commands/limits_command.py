"""The command ``relay limits``: what APIs were learned to say of their limits, and what jobs declare."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Any, NoReturn

from relay.commands.operating import conduct
from relay.commands.tables import Column, Listing, as_json, cell, duration, remark, show, write
from relay.operations.operations import Operations
from relay.operations.seen import LimitStatus

_COLUMNS = (
    Column("scope", whole=True),
    Column("rate"),
    Column("pause", number=True),
    Column("known"),
)


def run(asked: Namespace) -> NoReturn:
    """Do what the command line asks for."""
    conduct(asked, act)


async def act(operations: Operations, reactor: Any, asked: Namespace) -> None:
    """Show, or act on one."""
    await _ACTIONS[asked.action](operations, asked)


async def _list(operations: Operations, asked: Namespace) -> None:
    limits = await operations.limits()
    if asked.json:
        write(as_json(limits))
    else:
        show(limit_table(limits))


async def _forget(operations: Operations, asked: Namespace) -> None:
    await operations.forget(asked.scope)
    remark(f"what was learned of {asked.scope} counts no more")


def limit_table(limits: Iterable[LimitStatus]) -> Listing:
    """A line for each limit."""
    return Listing(
        _COLUMNS,
        (
            (
                each.scope,
                f"{each.calls:,} in {each.window:g} s" if each.window else "-",
                cell(duration(each.pause), "yellow") if each.pause else "-",
                "learned" if each.learned else "declared",
            )
            for each in sorted(limits, key=lambda limit: limit.scope)
        ),
    )


_ACTIONS = {"list": _list, "forget": _forget}
