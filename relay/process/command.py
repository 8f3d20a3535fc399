"""The command ``relay``: what an operator says to a relay that runs on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from signal import SIGHUP, SIGUSR2

from relay.version import VERSION

_TITLE = b"relay all"  # of a supervisor, in the list of processes
_SIGNALS = {"reload": SIGUSR2, "restart": SIGHUP}


def main(arguments: Sequence[str] | None = None) -> None:
    """Exits with 1, and a line that says why, if nobody was told."""
    asked = _parser().parse_args(arguments)
    running = [asked.pid] if asked.pid else supervisors()
    if len(running) != 1:
        found = (
            f"{', '.join(map(str, running))} run here: say which with --pid" if running else "none runs here"
        )
        sys.exit(f"relay: {found}")
    try:
        os.kill(running[0], _SIGNALS[asked.command])
    except OSError as error:
        sys.exit(f"relay: process {running[0]}: {error.strerror}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("relay", description="Talk to the `twistd relay` of this machine.")
    parser.add_argument("--version", action="version", version=f"relay {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (
        ("reload", "replace the workers: new handlers, and fronts and clients notice nothing"),
        ("restart", "replace everything: new settings and a new relay, and clients notice nothing"),
    ):
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("--pid", type=int, help="process id, where several run")
    return parser


def supervisors() -> list[int]:
    """The ids of the processes of ``relay all`` on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = path.read_bytes().rstrip(b"\0")
        except OSError:  # it has just ended
            continue
        if title == _TITLE:
            found.append(int(path.parent.name))
    return sorted(found)


if __name__ == "__main__":
    main()
