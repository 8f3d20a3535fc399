"""The command line of ``relay tokens``, and what its words mean."""

from __future__ import annotations

import re
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from relay.commands.command_line import add_command
from relay.model.caller import JobPatterns
from relay.model.limits import Rate
from relay.model.setting_types import MOST
from relay.model.tokens import TOKEN_NAME, moment

Made = TypeVar("Made")
_IN = re.compile(r"([1-9]\d{0,4})([hdw])")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


def add_arguments(parser: ArgumentParser) -> None:
    """Give a parser what `relay tokens` takes."""
    actions = parser.add_subparsers(dest="action", required=True)
    add = _action(actions, "add", "make a caller and its token, which is written to standard output, once")
    _add_name(add)
    _add_limits(add)
    listed = _action(actions, "list", "show the callers, and what they may do")
    listed.add_argument("--json", action="store_true", help="as a JSON array of objects")
    revoke = _action(actions, "revoke", "remove a caller; its tokens stop being valid")
    _add_name(revoke)
    revoke.add_argument("--old", action="store_true", help="revoke only the older of two tokens")
    _add_name(_action(actions, "rotate", "make another token for a caller; the one before stays valid"))


def _action(actions: Any, name: str, about: str) -> ArgumentParser:
    parser = add_command(actions, name, about)
    parser.add_argument(
        "--file",
        default="",
        help="file of tokens (default: RELAY_TOKENS, else tokens in the file of RELAY_CONFIG, else tokens.toml)",
    )
    return parser


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", type=_name, help="name of the caller, such as mobile-app")


def _add_limits(add: ArgumentParser) -> None:
    add.add_argument(
        "--jobs", type=_jobs, help="names of the jobs it may call, such as 'fetch,s3_*' (default: every job)"
    )
    add.add_argument("--rate", type=_rate, help="rate of new jobs, such as 50/s or 1000/5m; '' for no limit")
    for name, what in (
        ("held", "requests of it that one front holds at once"),
        ("queued", "jobs of it that are queued, scheduled or running at once"),
        ("body", "bytes of a submission"),
    ):
        add.add_argument(f"--{name}", type=_count, metavar="N", help=f"{what}; 0 for no limit")
    add.add_argument(
        "--expires",
        type=_expires,
        metavar="WHEN",
        help="2027-01-01 (in UTC), 2027-01-01T12:00:00Z, or in 12h, 90d, 8w",
    )
    add.add_argument("--trusted", action="store_true", help="it may act for its users (Relay-Subject)")
    add.add_argument(
        "--operator",
        choices=("look", "act"),
        help="at the admin listener it may look, or act, too; without --jobs it may then call no job",
    )


def _name(text: str) -> str:
    if not TOKEN_NAME.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} does not match {TOKEN_NAME.pattern}")
    return text


def _jobs(text: str) -> tuple[str, ...]:
    return _said(JobPatterns.parse, [part.strip() for part in text.split(",")]).texts


def _rate(text: str) -> str:
    _said(Rate.parse, text)
    return text


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,16}", text) or int(text) > MOST:
        raise ArgumentTypeError(f"{text!r} is not a number from 0 to {MOST}")
    return int(text)


def _expires(text: str) -> date:
    """A date, or a time with its zone, that is still to come."""
    when = _said(_when, text)
    if _said(moment, when) <= time.time():
        raise ArgumentTypeError(f"{text} is past")
    return when


def _when(text: str) -> date:
    after = _IN.fullmatch(text)
    if after:
        seconds = int(time.time()) + int(after[1]) * _SECONDS[after[2]]
        return datetime.fromtimestamp(seconds, UTC)
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date, a time such as 2027-01-01T12:00:00Z, or 90d") from None


def _said(make: Callable[[Any], Made], value: Any) -> Made:
    """What is made of a value, its error told as it is."""
    try:
        return make(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
