"""The command ``relay``: what an operator or a developer asks for at a shell.

What a command needs is imported once it is asked for: `relay reload` brings neither Twisted nor a table along.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from relay.commands import streams
from relay.commands.command_line import CommandLine, add_command
from relay.version import VERSION


class Command(NamedTuple):
    """A command: what it is about, and where its arguments and what it does are, as ``module`` of this package or
    ``module:function``."""

    about: str
    arguments: str  # by default `add_arguments(parser)`
    action: str  # by default `run(asked)`
    more: str = ""
    usual: str = ""  # which of its actions is meant where none is named


COMMANDS: dict[str, Command] = {
    "status": Command(
        "show whether all is well, what is slow and what fails",
        "looking_arguments:status",
        "status_command",
        "Status: 0 if all is well, 3 if something is wrong, 1 if relay could not be asked.",
    ),
    "top": Command("show what happens, as it happens", "looking_arguments:top", "top_command"),
    "jobs": Command("find jobs", "looking_arguments:jobs", "jobs_command:run_jobs"),
    "job": Command(
        "show one job: where it stands, why it waits, its attempts",
        "looking_arguments:job",
        "jobs_command:run_job",
        "With --wait, status: 0 if it succeeded, 3 if it ended otherwise.",
    ),
    "cancel": Command("cancel jobs", "acting_arguments:cancel", "jobs_command:run_cancel"),
    "dead": Command(
        "show dead jobs (those that failed for good), run them again, delete them",
        "acting_arguments:dead",
        "dead_command",
        usual="list",
    ),
    "queues": Command(
        "show queues, pause, resume and purge them", "acting_arguments:queues", "queues_command", usual="list"
    ),
    "workers": Command(
        "show what workers do, and have one claim nothing more",
        "acting_arguments:workers",
        "workers_command",
        usual="list",
    ),
    "schedules": Command(
        "show when jobs are fired, pause and resume their schedules, fire them by hand",
        "acting_arguments:schedules",
        "schedules",
        usual="list",
    ),
    "limits": Command(
        "show what is known of limits of APIs, and forget it",
        "acting_arguments:limits",
        "limits_command",
        usual="list",
    ),
    "erase": Command(
        "delete all that is kept of an owner, and cancel its jobs", "acting_arguments:erase", "erase_command"
    ),
    "doctor": Command(
        "look for what would make relay fail, or be slow: settings, Redis, and what is between it and clients",
        "doctor_arguments",
        "doctor",
        "Without --url it looks at the settings, this machine and Redis; with --url at the way to that address, for "
        "which the fronts have to be started with --probes. Status: 0 if nothing is bad, 3 if something is, 1 if it "
        "could not look at something.",
    ),
    "submit": Command(
        "submit a job to a front, wait for it, and write its result",
        "submit_arguments",
        "submit_command",
        "The result is written to standard output as JSON, all else to standard error. Whatever goes wrong on the way, "
        "the same is sent again under its key. Status: 0 if the job succeeded, 3 if it ended otherwise, 1 if it was "
        "refused or its outcome is unknown, 130 if it was interrupted: the job goes on.",
    ),
    "tokens": Command("make and revoke the tokens of callers", "token_arguments", "tokens"),
    "run": Command(
        "run one job here and now, without Redis, and show its result",
        "run_arguments",
        "run_command",
        "The result is written to standard output as JSON, all else to standard error. Status: 0 if it succeeded, 1 if "
        "it did not, 2 if it could not begin, 130 if it was interrupted.",
    ),
    "reload": Command(
        "replace the workers, to load new handlers; fronts and held clients are not affected",
        "orders",
        "orders",
    ),
    "restart": Command(
        "replace all processes, to load new settings and a new relay; held clients stay connected",
        "orders",
        "orders",
    ),
    "completion": Command(
        "write what has a shell complete the words of this command", "completion", "completion"
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Exits with status 1 and one line if what was asked for is not possible, 2 for a mistake on the command line."""
    streams.prepare()
    try:
        run(arguments)
    finally:
        sys.stdout.flush()


def run(arguments: Sequence[str] | None) -> None:
    """Do what is asked for."""
    words = whole(sys.argv[1:] if arguments is None else list(arguments))
    if "_ARGCOMPLETE" in os.environ:  # a shell asks for the words that could follow
        from relay.commands import completion

        completion.complete(parser_for(os.environ.get("COMP_LINE", "").split()))
    asked = parser_for(words).parse_args(words)
    found(COMMANDS[asked.command].action, "run")(asked)


def whole(words: list[str]) -> list[str]:
    """With the action that is meant where a command has several and none is named."""
    usual = COMMANDS[words[0]].usual if words and words[0] in COMMANDS else ""
    names_one = words[1:] and (not words[1].startswith("-") or words[1] in ("-h", "--help"))
    return [words[0], usual, *words[1:]] if usual and not names_one else words


def parser_for(words: Sequence[str]) -> ArgumentParser:
    """A parser of these words: it has the arguments of those commands that are among them."""
    parser = CommandLine("relay", description="Look into a relay, act on it, and develop for it.")
    parser.add_argument("--version", action="version", version=f"relay {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        added = add_command(commands, name, command.about, command.more)
        if name in words:
            found(command.arguments, "add_arguments")(added)
    return parser


def found(place: str, usual: str) -> Callable[[Any], None]:
    """What stands at a place in this package."""
    module, _, function = place.partition(":")
    found: Callable[[Any], None] = getattr(import_module(f"relay.commands.{module}"), function or usual)
    return found


if __name__ == "__main__":
    main()
