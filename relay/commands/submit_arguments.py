"""The command line of ``relay submit``."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError

from relay.commands.operator_arguments import word
from relay.commands.run_arguments import add_call

USUAL_URL = "http://127.0.0.1:8080"
MOST_SECONDS = 366 * 86_400.0


def add_arguments(parser: ArgumentParser) -> None:
    """Add its arguments."""
    add_call(
        parser, "an argument: ARG=TEXT, or ARG:=JSON for all that is no text, as in n:=5 or tags:='[\"a\"]'"
    )
    parser.add_argument(
        "--json",
        default="",
        metavar="OBJECT",
        help="arguments as a JSON object; - reads it from standard input",
    )
    parser.add_argument("--key", type=word, metavar="KEY", help="idempotency key; one is made without it")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--async",
        action="store_true",
        dest="asynchronous",
        help="do not wait: write the id of the job, and end",
    )
    how.add_argument(
        "--events", action="store_true", help="write what happens, a line of JSON each, while it happens"
    )
    parser.add_argument(
        "--envelope", action="store_true", help="write the whole envelope, whatever the job's state"
    )
    for option, what in (
        ("--delay", "seconds until the job begins"),
        ("--deadline", "seconds from now after which the job ends as expired"),
    ):
        parser.add_argument(option, type=_seconds, default=0.0, metavar="SECONDS", help=what)
    parser.add_argument(
        "--notify",
        type=word,
        metavar="WHOM",
        help="whom to notify if nobody collects the outcome, such as the token of a device",
    )
    _add_front(parser)


def _add_front(parser: ArgumentParser) -> None:
    where = parser.add_argument_group("which relay", "A front is asked, as any client asks it.")
    where.add_argument(
        "--url", default="", metavar="URL", help=f"its address (else RELAY_URL, else {USUAL_URL})"
    )
    where.add_argument(
        "--token-file", default="", metavar="FILE", help="file with a caller's token (else RELAY_TOKEN)"
    )
    where.add_argument(
        "--subject", type=word, metavar="USER", help="for whom it is done, with a trusted token"
    )


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,8}(\.\d{1,3})?", text) or not 0 <= float(text) <= MOST_SECONDS:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds up to {MOST_SECONDS:.0f}")
    return float(text)
