"""The commands ``relay reload`` and ``relay restart``: orders to a relay that runs on this machine, as signals."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from signal import SIGHUP, SIGUSR2

from relay.commands import processes

_SIGNALS = {"reload": SIGUSR2, "restart": SIGHUP}


def add_arguments(parser: ArgumentParser) -> None:
    """Add their arguments."""
    parser.add_argument("--pid", type=int, help="process id of the supervisor, if several run")


def run(asked: Namespace) -> None:
    """Send the order. Exits with one line that says why if no relay was reached."""
    running = [asked.pid] if asked.pid else processes.supervisors()
    if len(running) != 1:
        found = (
            f"several run here ({', '.join(map(str, running))}): choose one with --pid"
            if running
            else "no `relay all` runs here"
        )
        sys.exit(f"relay: {found}")
    try:
        os.kill(running[0], _SIGNALS[asked.command])
    except OSError as error:
        sys.exit(f"relay: process {running[0]}: {error.strerror}")
