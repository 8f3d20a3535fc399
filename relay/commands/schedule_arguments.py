"""The command line of ``relay schedules``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from relay.commands.command_line import add_command, job_name


def add_parser(commands: Any) -> None:
    """Add the command to those of ``relay``."""
    about = "show when jobs are fired, pause and resume their schedules, fire them by hand"
    parser = add_command(commands, "schedules", about)
    actions = parser.add_subparsers(dest="action", required=True)
    listed = _action(actions, "list", "show all schedules")
    listed.add_argument("--json", action="store_true", help="as a JSON array of objects")
    for name, what in (
        ("pause", "fire this job no more"),
        ("resume", "fire this job again; what was missed is made up for as the job declares"),
        ("fire", "run this job now, whatever its schedule says; its id is written to standard output"),
    ):
        _action(actions, name, what).add_argument(
            "name", metavar="NAME", type=job_name, help="name of the job"
        )


def _action(actions: Any, name: str, about: str) -> ArgumentParser:
    parser = add_command(actions, name, about)
    parser.add_argument(
        "--redis",
        default="",
        help="where the store is, a URL (default: RELAY_REDIS, else redis in the file of RELAY_CONFIG)",
    )
    return parser
