"""The command ``relay status``: whether all is well."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, NoReturn

from relay.commands.operating import conduct
from relay.commands.status_shown import status_parts
from relay.commands.tables import as_json, show, write
from relay.model.problems.request import StoreAway
from relay.operations.figures import figures_of
from relay.operations.judging import AWAY, is_well, judge
from relay.operations.operations import Operations

WRONG = 3  # status where something is wrong


def run(asked: Namespace) -> NoReturn:
    """Do what the command line asks for."""
    conduct(asked, act)


async def act(operations: Operations, reactor: Any, asked: Namespace) -> int:
    """Look, judge, show."""
    try:
        overview, snapshots = await operations.overview(), await operations.snapshots()
    except StoreAway:
        overview, snapshots = AWAY, []
    findings = judge(overview, None, snapshots)
    figures = figures_of(snapshots)
    if asked.json:
        well = is_well(findings)
        write(as_json({"well": well, "findings": findings, "overview": overview, "figures": figures}))
    else:
        show(*status_parts(overview, figures, findings))
    return 0 if is_well(findings) else WRONG
