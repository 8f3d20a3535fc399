"""What the commands of operators have in common on their command lines, and what the words mean."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from relay.commands.command_line import add_command, job_name

_AGO = re.compile(r"(\d{1,6})(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
LONGEST = 1024  # characters of a word that is sent


def add_reach(parser: ArgumentParser) -> None:
    """The options that say which relay is meant."""
    where = parser.add_argument_group(
        "which relay",
        "Without these options: what the environment names, else the relay that runs on this machine.",
    )
    either = where.add_mutually_exclusive_group()
    either.add_argument(
        "--redis",
        default="",
        metavar="URL",
        help="its store (else RELAY_REDIS, else redis in the file of RELAY_CONFIG)",
    )
    either.add_argument(
        "--admin",
        default="",
        metavar="URL",
        help="its admin listener, also on another host, such as https://ops.example.com (else RELAY_ADMIN_URL)",
    )
    where.add_argument(
        "--store-name",
        default="",
        metavar="NAME",
        help="the name in its store's keys, if it has one (else RELAY_STORE_NAME, else that file)",
    )
    where.add_argument(
        "--token-file",
        default="",
        metavar="FILE",
        help="file with an operator's token for the admin listener (else RELAY_OPERATOR_TOKEN)",
    )


def add_json(parser: ArgumentParser, what: str = "as JSON, for programs") -> None:
    """The option for what programs read."""
    parser.add_argument("--json", action="store_true", help=what)


def add_yes(parser: ArgumentParser) -> None:
    """The option for what nobody is asked about."""
    parser.add_argument("--yes", action="store_true", help="do not ask whether it is meant")


def add_looking(parser: ArgumentParser, what: str = "as JSON, for programs") -> None:
    """The options of a command that shows something."""
    add_json(parser, what)
    add_reach(parser)


def action(actions: Any, name: str, about: str, more: str = "") -> ArgumentParser:
    """One of the actions of a command, with the options that say which relay is meant."""
    parser = add_command(actions, name, about, more)
    add_reach(parser)
    return parser


def actions_of(parser: ArgumentParser) -> Any:
    """What the actions of a command are added to."""
    return parser.add_subparsers(dest="action", required=True, metavar="ACTION")


def completed(argument: Any, kind: str) -> None:
    """Have a shell complete an argument by the ``names`` or ``queues`` that the store knows."""

    def complete(prefix: str, parsed_args: Any, **_: Any) -> list[str]:
        from relay.commands.completion import known  # which needs Twisted

        return [each for each in known(kind, parsed_args) if each.startswith(prefix)]

    argument.completer = complete


def add_name(parser: ArgumentParser, *flags: str, about: str, **more: Any) -> None:
    """An argument that is the name of a job."""
    completed(parser.add_argument(*flags, metavar="NAME", type=job_name, help=about, **more), "names")


def add_queue(parser: ArgumentParser, *flags: str, about: str, **more: Any) -> None:
    """An argument that is a queue."""
    completed(parser.add_argument(*flags, metavar="QUEUE", type=word, help=about, **more), "queues")


def word(text: str) -> str:
    """A word that can be sent; raises `ArgumentTypeError`."""
    if not text or len(text) > LONGEST or not text.isprintable():
        raise ArgumentTypeError(f"{text[:80]!r} is empty, too long, or has characters that can't be seen")
    return text


def count(text: str) -> int:
    """A number of jobs from 1."""
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise ArgumentTypeError(f"{text!r} is not a number of jobs from 1")
    return int(text)


def past(text: str) -> int | str:
    """A moment: how many seconds ago it was, of ``10m``, or its time in ms as text, of ``2026-11-26T12:00:00Z``, which
    is UTC where it has no zone."""
    ago = _AGO.fullmatch(text)
    if ago:
        return int(ago[1]) * _SECONDS[ago[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is not a time such as 10m, 2h, 3d (ago) or 2026-11-26T12:00:00Z"
        ) from None
    return str(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000))


def moment_of(said: int | str | None, now: int) -> int:
    """What `past` read, as a time (ms), 0 for none; `now` is Redis' time (ms)."""
    if said is None:
        return 0
    return max(1, now - said * 1000) if isinstance(said, int) else int(said)
