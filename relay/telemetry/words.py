"""What others chose, fit for a value in a line of the log: bounded, on one line, without what lets its reader in."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from relay.model.text import printable

LONGEST_WORD = 260  # characters: an owner has no more
_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")  # visible ASCII but quotes, equals signs and backslashes
_TICKETS = "/tickets/"


def quoted(text: str) -> str:
    """A text of others as a value in a line of text, ``-`` for nothing."""
    if not text:
        return "-"
    if len(text) <= LONGEST_WORD and _PLAIN.fullmatch(text) and text != "-":
        return text
    return json.dumps(plain(text), ensure_ascii=False)


def plain(text: str) -> str:
    """A text of others as a string in a line of JSON."""
    shown = printable(text[: LONGEST_WORD + 1])
    return shown if len(shown) <= LONGEST_WORD else f"{shown[: LONGEST_WORD - 1]}…"


def shown_path(path: str) -> str:
    """The path of a request without its query, and without a ticket, however that was encoded."""
    path = path.partition("?")[0]
    if "%" in path and _TICKETS in (decoded := unquote(path, "latin-1")):
        path = decoded
    before, is_ticket, _ = path.partition(_TICKETS)
    return f"{before}{_TICKETS}…" if is_ticket else path
