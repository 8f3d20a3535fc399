"""The command ``relay``: orders to a relay that runs on this machine, callers' tokens, schedules, one job."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from signal import SIGHUP, SIGUSR2

from relay.commands import doctor_arguments, run_arguments, schedule_arguments, tokens
from relay.commands.command_line import CommandLine
from relay.version import VERSION

_TITLE = b"relay all"  # of a supervisor, in the list of processes
_SIGNALS = {"reload": SIGUSR2, "restart": SIGHUP}


def main(arguments: Sequence[str] | None = None) -> None:
    """Exits with status 1 and one line that says why if no relay was reached."""
    asked = _parser().parse_args(arguments)
    if asked.command == "tokens":
        tokens.run(asked)
    elif asked.command == "schedules":
        from relay.commands import schedules  # the others need neither Twisted nor a store

        schedules.run(asked)
    elif asked.command == "run":
        from relay.commands import run_command

        run_command.run(asked)
    elif asked.command == "doctor":
        from relay.commands import doctor

        doctor.run(asked)
    else:
        _send(asked)


def _send(asked: argparse.Namespace) -> None:
    running = [asked.pid] if asked.pid else supervisors()
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


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        "relay",
        description="Send an order to the `relay all` that runs on this machine, keep the tokens of callers, look "
        "after schedules, run one job, or look for what is wrong.",
    )
    parser.add_argument("--version", action="version", version=f"relay {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (
        ("reload", "replace the workers, to load new handlers; fronts and held clients are not affected"),
        (
            "restart",
            "replace all processes, to load new settings and a new relay; held clients stay connected",
        ),
    ):
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("--pid", type=int, help="process id of the supervisor, if several run")
    tokens.add_parser(commands)
    schedule_arguments.add_parser(commands)
    run_arguments.add_parser(commands)
    doctor_arguments.add_parser(commands)
    return parser


def supervisors() -> list[int]:
    """The process ids of the supervisors (``relay all``) on this machine."""
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
