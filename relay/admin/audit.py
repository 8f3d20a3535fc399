"""The log of what operators did and tried: who, from where, what, on what, and what came of it."""

from __future__ import annotations

import msgspec
from twisted.logger import Logger

from relay.admin.operators import Operator
from relay.model.text import printable

_LONGEST = 500  # characters of arguments and results
_log = Logger(namespace="relay.admin.audit")


def logged_in(who: Operator) -> None:
    """An operator's token was exchanged for a session."""
    _log.info("operator {who} at {address}: logged in", who=who.name, address=who.address or "-")


def done(who: Operator, what: str, arguments: object, result: object) -> None:
    """An operator has acted."""
    _line(who, what, arguments, f"done ({_short(result)})" if result is not None else "done")


def failed(who: Operator, what: str, arguments: object, error: Exception) -> None:
    """An operator could not act, or may not."""
    _line(who, what, arguments, f"refused: {error}")


def left(who: Operator, what: str, arguments: object) -> None:
    """Who asked for it did not wait for what comes of it."""
    _line(who, what, arguments, "asked for, and left before the answer: it may be done")


def _line(who: Operator, what: str, arguments: object, result: str) -> None:
    _log.info(
        "operator {who} at {address}: {what} {arguments}: {result}",
        who=who.name or "(unnamed)",
        address=who.address or "-",
        what=what,
        arguments=_short(arguments) if arguments is not None else "{?}",
        result=_line_of(result),
    )


def _short(value: object) -> str:
    return _line_of(msgspec.json.encode(value).decode())


def _line_of(text: str) -> str:
    return printable(text.replace("\n", " "))[:_LONGEST]
