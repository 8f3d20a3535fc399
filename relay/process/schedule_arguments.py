"""The command line of ``relay schedules``."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from relay.model.names import JOB_NAME


def add_parser(commands: Any) -> None:
    """Add the command to those of ``relay``."""
    about = "show when jobs are fired, pause and resume their schedules, fire them by hand"
    parser = commands.add_parser("schedules", help=about, description=f"{about.capitalize()}.")
    actions = parser.add_subparsers(dest="action", required=True)
    listed = _action(actions, "list", "show all schedules")
    listed.add_argument("--json", action="store_true", help="as a JSON array of objects")
    for name, what in (
        ("pause", "fire this job no more"),
        ("resume", "fire this job again; what was missed is made up for as the job declares"),
        ("fire", "run this job now, whatever its schedule says; its id is written to standard output"),
    ):
        _action(actions, name, what).add_argument("name", metavar="NAME", type=_name, help="name of the job")


def _action(actions: Any, name: str, about: str) -> ArgumentParser:
    parser: ArgumentParser = actions.add_parser(name, help=about, description=f"{about.capitalize()}.")
    parser.add_argument(
        "--redis",
        default="",
        help="where the store is, a URL (default: RELAY_REDIS, else redis in the file of RELAY_CONFIG)",
    )
    return parser


def _name(text: str) -> str:
    if not JOB_NAME.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not the name of a job")
    return text
