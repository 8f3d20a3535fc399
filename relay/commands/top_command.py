"""The command ``relay top``: what happens, as it happens. ``q`` or Ctrl-C ends it."""

from __future__ import annotations

import sys
import termios
import tty
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.console import Console, Group
from rich.live import Live

from relay.commands.asking import TerminalLine
from relay.commands.ending import Unreached
from relay.commands.jobs_command import pause
from relay.commands.operating import conduct
from relay.commands.tables import as_line, cell, console, moment, show, write
from relay.commands.top_shown import Look, top_parts
from relay.model.problems.base import RelayError
from relay.operations.figures import figures_of
from relay.operations.judging import judge
from relay.operations.operations import Operations
from relay.operations.seen import Overview
from relay.telemetry.rates import Compared

_RATES = (
    "relay_submissions_total",
    "relay_attempts_total",
    "relay_failures_total",
    "relay_heartbeats_total",
    "relay_upstream_requests_total",
)
_END = ("q", "Q", "\x03")
BETWEEN, LOOKS = 1.0, 6  # seconds between looks that are compared, and how many: the store is told each 5 s
_PLAIN = 60  # lines where there is no terminal


def run(asked: Namespace) -> NoReturn:
    """Do what the command line asks for."""
    conduct(asked, act)


async def act(operations: Operations, reactor: Any, asked: Namespace) -> None:
    """Look again and again, or once."""
    looking = Looking(operations)
    if asked.once or asked.json or not sys.stdout.isatty():
        await _plain(looking, reactor, asked)
    else:
        await _live(looking, reactor, asked.every)


class Looking:
    """Looks at a relay again and again."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._compared = Compared()
        self._before: Overview | None = None
        self._told: dict[str, int] = {}  # when each process told what was seen last

    async def compare(self, reactor: Any) -> Look:
        """Look until each process has told something new, so that there is something to compare."""
        look = await self.look()
        first = self._told
        for _ in range(LOOKS):
            await pause(reactor, BETWEEN)
            look = await self.look()
            if all(first.get(name) != time for name, time in self._told.items()):
                break
        return look

    async def look(self) -> Look:
        """What is now, and what happened since the look before. Raises what `Operations` raise."""
        overview = await self._operations.overview()
        snapshots = await self._operations.snapshots()
        running = await self._operations.running(most=100)
        self._compared.look(snapshots, overview.time)
        self._told = {each.info.name: each.time for each in snapshots}
        findings = judge(overview, self._before, snapshots)
        self._before = overview
        rates = {metric: dict(self._compared.rates(metric)) for metric in _RATES}
        return Look(overview, figures_of(snapshots), findings, running, rates)


async def _plain(looking: Looking, reactor: Any, asked: Namespace) -> None:
    while True:
        look = await (looking.compare(reactor) if asked.once else looking.look())
        if asked.json:
            write(as_line(_shown(look)))
        else:
            show(moment(look.overview.time), *top_parts(look, _PLAIN), "")
        if asked.once:
            return
        await pause(reactor, asked.every)


def _shown(look: Look) -> dict[str, Any]:
    """A look as JSON has it, where labels are no keys."""
    rates = {metric: sum(by_labels.values()) for metric, by_labels in look.rates.items()}
    return {"overview": look.overview, "findings": look.findings, "running": look.running, "rates": rates}


async def _live(looking: Looking, reactor: Any, every: float) -> None:
    screen = console()
    with _keys(), Live(console=screen, screen=True, auto_refresh=False) as live:
        while True:
            live.update(await _screen(looking, screen), refresh=True)
            if await _ends(reactor, every):
                return


async def _screen(looking: Looking, screen: Console) -> Group:
    try:
        return Group(*top_parts(await looking.look(), screen.height))
    except (RelayError, Unreached) as error:  # it may come back
        return Group(cell(f"no answer: {error}", "bold red"))


async def _ends(reactor: Any, seconds: float) -> bool:
    """Whether a key was pressed within this time that ends it."""
    if not sys.stdin.isatty():
        await pause(reactor, seconds)
        return False
    typed = TerminalLine(reactor, sys.stdin.fileno()).typed
    return await typed.addTimeout(seconds, reactor, lambda failure, seconds: "") in _END


@contextmanager
def _keys() -> Iterator[None]:
    """Meanwhile the terminal gives each key at once, and shows none."""
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
