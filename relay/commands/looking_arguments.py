"""The command lines of what looks: ``relay status``, ``top``, ``jobs``, ``job``."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError

from relay.commands.operator_arguments import add_looking, add_name, add_queue, count, past, word

SHORTEST, LONGEST = 0.5, 3600.0  # seconds between two looks
STATES = ("scheduled", "queued", "running", "succeeded", "failed", "cancelled", "expired", "dead")


def status(parser: ArgumentParser) -> None:
    """Of ``relay status``."""
    add_looking(parser)


def top(parser: ArgumentParser) -> None:
    """Of ``relay top``."""
    parser.add_argument("--once", action="store_true", help="show what is now, and end")
    parser.add_argument(
        "--every", type=_seconds, default=2.0, metavar="SECONDS", help="how often it looks (default: 2)"
    )
    add_looking(parser, "as JSON, one object a line for each look")


def jobs(parser: ArgumentParser) -> None:
    """Of ``relay jobs``."""
    parser.add_argument("--state", choices=STATES, help="where they stand; dead: failed for good")
    add_name(parser, "--name", about="name of the job")
    add_queue(parser, "--queue", about="queue of the job")
    for option, what in (
        ("--owner", "whose they are, such as token:mobile-app, sub:alice, anonymous"),
        ("--id", "how their ids begin"),
        ("--key", "idempotency key of their submission; needs --name and --owner"),
        ("--problem", "what they failed with: the end of the problem's type, such as upstream-timeout"),
    ):
        parser.add_argument(option, type=word, metavar=option[2:].upper(), help=what)
    add_times(parser, "made, or died for dead jobs,")
    parser.add_argument("-n", type=count, default=50, metavar="N", help="at most so many (default: 50)")
    add_looking(parser, "as JSON, a job in each line")


def add_times(parser: ArgumentParser, what: str) -> None:
    """Options for a span of time."""
    for option, side in (("--since", "at this time or later"), ("--until", "before this time")):
        parser.add_argument(
            option, type=past, metavar="WHEN", help=f"{what} {side}: 10m, 2h, 3d (ago), 2026-11-26T12:00:00Z"
        )


def job(parser: ArgumentParser) -> None:
    """Of ``relay job``."""
    parser.add_argument("id", metavar="ID", type=word, help="id of the job")
    parser.add_argument("--wait", action="store_true", help="wait until it has ended")
    add_looking(parser)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d+)?", text) or not SHORTEST <= float(text) <= LONGEST:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds from {SHORTEST} to {LONGEST}")
    return float(text)
