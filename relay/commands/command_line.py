"""A command line whose mistakes are told in one line, as those in settings are."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from relay.model.names import JOB_NAME


class CommandLine(argparse.ArgumentParser):
    """A parser that ends with status 2 and one line, where others show all that could have been said."""

    def error(self, message: str) -> NoReturn:
        """What is wrong, and where to read more."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)\n")


def add_command(commands: Any, name: str, about: str, more: str = "") -> argparse.ArgumentParser:
    """Add a command to a parser's commands: what it is about, in a line that begins small, and more of that in its own
    help."""
    sentence = f"{about[:1].upper()}{about[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=f"{sentence} {more}".rstrip()
    )
    return parser


def job_name(text: str) -> str:
    """The name of a job among the words of a command line; raises `ArgumentTypeError`."""
    if not JOB_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a job")
    return text
