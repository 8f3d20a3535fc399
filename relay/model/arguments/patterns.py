r"""Patterns of arguments: regular expressions that mean the same to fronts and to workers.

Fronts check them with Rust's ``regex`` (through jsonschema-rs), which takes linear time whatever a client sends; its
``\d``, ``\w`` and ``\s`` are JavaScript's. Workers have Python's ``re``. `for_fronts` writes a pattern so that fronts
let nothing pass that workers would refuse, and refuses what can't be written so. (That Python's ``$`` allows a line
break after it does not matter: fronts do not.)
"""

from __future__ import annotations

import re
from typing import Any

from relay.model.arguments.subschemas import Schema, rewritten

_TOKEN = re.compile(
    r"""
      \\(?P<escaped>.)
    | \[(?P<negated>\^?)(?P<set> \]? (?: \\. | [^\]\\] )* )\]
    | (?P<group> \(\? (?: : | P<(?=\w) | .? ) )
    | (?P<possessive> [*+?}]\+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_SPACES = r" \t\n\r\f\v"  # to both
_ALL_SPACES = r"\s\x1c-\x1f\x85"  # to either
_ALL_DIGITS = r"\p{Nd}"
_ALL_OF_WORDS = r"\p{L}\p{N}_"
_ALONE = {
    "s": f"[{_SPACES}]",
    "S": f"[^{_ALL_SPACES}]",
    "D": f"[^{_ALL_DIGITS}]",
    "W": f"[^{_ALL_OF_WORDS}]",
}
_IN_SET = {"s": _SPACES}
_IN_NEGATED_SET = {"s": _ALL_SPACES, "d": _ALL_DIGITS, "w": _ALL_OF_WORDS}


class UnlikePattern(ValueError):
    """A pattern that fronts and workers would not understand alike; the message says why."""


def schema_for_fronts(schema: Any) -> Any:
    """A JSON Schema with its patterns written for fronts; raises `UnlikePattern`."""
    return rewritten(schema, _with_pattern)


def _with_pattern(schema: Schema) -> Schema:
    if isinstance(schema.get("pattern"), str):
        schema["pattern"] = for_fronts(schema["pattern"])
    return schema


def for_fronts(pattern: str) -> str:
    """The pattern for fronts; raises `UnlikePattern`."""
    try:
        return _TOKEN.sub(_written_token, pattern)
    except UnlikePattern as error:
        raise UnlikePattern(f"pattern {pattern!r}: {error}") from None


def _written_token(token: re.Match[str]) -> str:
    if token["escaped"]:
        return _ALONE.get(token["escaped"]) or _checked(token[0], "bBAZ0123456789")
    if token["set"] is not None:
        return _written_set(token["negated"], token["set"])
    if token["possessive"] or token["group"] not in ("(?:", "(?P<"):
        raise UnlikePattern(f"fronts do not support {token[0]}")
    return token[0]


def _written_set(negated: str, members: str) -> str:
    twice = re.search(r"\[|&&|--|~~|\|\|", re.sub(r"\\.", "", members, flags=re.DOTALL))
    if twice:
        raise UnlikePattern(f"write \\{twice[0][0]} for {twice[0][0]} within […]")
    known = _IN_NEGATED_SET if negated else _IN_SET

    def rewritten(escape: re.Match[str]) -> str:
        return known.get(escape[1]) or _checked(escape[0], "SDWbBAZ0123456789")

    inner = re.sub(r"\\(.)", rewritten, members, flags=re.DOTALL)
    return f"[{negated}{inner}]"


def _checked(escape: str, unlike: str) -> str:
    if escape[1] in unlike:
        raise UnlikePattern(f"{escape} means different things to fronts and to workers")
    return escape
