"""The command ``relay completion``: what has a shell complete the words of this command. Names of jobs and queues come
from the store, if it answers at once."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from typing import Any

import argcomplete
from argcomplete.shell_integration import shellcode

SECONDS = 0.5  # within which the store has to answer
SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: ArgumentParser) -> None:
    """Add its arguments."""
    parser.description = (
        "Write what has a shell complete the words of this command. bash: source <(relay completion bash) in "
        "~/.bashrc; zsh: the same in ~/.zshrc, below compinit; fish: relay completion fish | source."
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")


def run(asked: Namespace) -> None:
    """Write it to standard output."""
    sys.stdout.write(f"{shellcode(['relay'], shell=asked.shell)}\n")


def complete(parser: ArgumentParser) -> None:
    """Tell a shell the words that could follow, and exit."""
    argcomplete.autocomplete(parser, always_complete_options=False)


def known(kind: str, asked: Namespace) -> list[str]:
    """The ``names`` or ``queues`` that the store knows; none where it does not answer in time."""
    from relay.commands.operating import glance  # which needs Twisted

    found: list[str] = []

    async def act(operations: Any, *_: Any) -> None:
        overview = await operations.overview()
        found.extend(each.name if kind == "names" else each.queue for each in getattr(overview, kind))

    with suppress(Exception, SystemExit), open(os.devnull, "w", encoding="utf-8") as nowhere:
        before, sys.stderr = sys.stderr, nowhere
        try:
            glance(asked, act, SECONDS)
        finally:
            sys.stderr = before
    return sorted(set(found))
