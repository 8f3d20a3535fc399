"""The command ``relay status``: whether all is well."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any, NoReturn

from relay.commands.operating import conduct
from relay.commands.reaching import ListenerReach, reach
from relay.commands.status_shown import status_parts
from relay.commands.tables import as_json, show, write
from relay.model.problems.request import StoreAway
from relay.operations.figures import figures_of
from relay.operations.judging import AWAY, is_well, judge
from relay.operations.operations import Operations
from relay.operations.seen import Overview

WRONG = 3  # status where something is wrong


def run(asked: Namespace) -> NoReturn:
    """Do what the command line asks for."""
    conduct(asked, act)


async def act(operations: Operations, reactor: Any, asked: Namespace) -> int:
    """Look, judge, show."""
    overview = await _overview(operations, asked)
    snapshots = await operations.snapshots()
    findings = judge(overview, None, snapshots)
    figures = figures_of(snapshots)
    if asked.json:
        well = is_well(findings)
        write(as_json({"well": well, "findings": findings, "overview": overview, "figures": figures}))
    else:
        show(*status_parts(overview, figures, findings))
    return 0 if is_well(findings) else WRONG


async def _overview(operations: Operations, asked: Namespace) -> Overview:
    """A listener answers, and knows what its processes told, where its store does not."""
    try:
        return await operations.overview()
    except StoreAway:
        if isinstance(reach(asked, os.environ), ListenerReach):
            return AWAY
        raise
