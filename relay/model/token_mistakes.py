"""What is wrong with a table in a file of tokens, in words. No value of `sha256` is shown: it may be a token that was
put there by mistake."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import msgspec

_LONGEST = 80  # characters of a value that are shown
_QUOTED = re.compile(r"`([^`]*)`")
_HASHES = "expected a list of one or two hashes, each of 64 hex digits: what `relay tokens` writes"


def name_mistake(name: str) -> str:
    """Of a name that is not one."""
    return f"{_shown(name)} is not a name: up to 64 of a-z, 0-9, _, . and -, a letter or digit first"


def explain(
    error: msgspec.ValidationError, name: str, table: object, known: Sequence[str]
) -> tuple[str, str]:
    """The key whose value is wrong, "" if it is the table itself, and what is wrong."""
    if not isinstance(table, dict):
        return "", f"expected a table: [{name}], and its keys below"
    for key, value in table.items():
        if key not in known:
            return key, _unknown(name, key, value, known)
    what, _, place = str(error).partition(" - at `$.")
    key = re.split(r"[\[.`]", place)[0]
    if not key or key == "sha256":
        return key, f"sha256: {_HASHES}"
    wanted = _QUOTED.sub(r"\1", what.partition(", got")[0]).replace(" | null", "")
    if key == "rate":
        wanted = 'expected a rate such as "50/s"'
    if key == "operator":
        wanted = 'expected "look" or "act"'
    return key, f"{key}: {wanted[:1].lower()}{wanted[1:]}, not {_shown(table[key])}"


def _unknown(name: str, key: str, value: object, known: Sequence[str]) -> str:
    if isinstance(value, dict):
        return f'a table in a table; a name with a dot has quotes: ["{name}.{_shown(key)[1:-1]}"]'
    near = difflib.get_close_matches(key, known, 1)
    return f"there is no {_shown(key)}" + (f": did you mean {near[0]}?" if near else "")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
