"""What others chose, fit for a value in a line of the log: bounded, and on one line."""

from __future__ import annotations

import json
import re

from relay.model.text import printable

LONGEST_WORD = 260  # characters: an owner has no more
_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")  # visible ASCII but quotes, equals signs and backslashes


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
