"""The Lua scripts: put together from ``lua/``, one file for each verb, and sent by their hashes.

A verb names in a line ``-- needs: part, part`` the parts whose functions and variables it uses, and so does each part.
A part stands once in a script, before those that need it. ``--!flag`` in the first line becomes a flag of the script.
`relay.store.expansion` says what else is put in, `relay.store.hiding` what of a part the others do not see.
``tests/store/lint.py`` finds needs that are not declared or not used.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from relay.redis.connection import Connection, Refused, Reply
from relay.store.expansion import expanded
from relay.store.hiding import hidden
from relay.store.keys import Keys

_NEEDS = re.compile(r"^-- needs: ((?:.*,\n--  )*.*)", re.MULTILINE)
_FLAG = re.compile(r"\A--!([\w-]+)\n")

#: the tag is what stands before "never" in the first declared key
KEYS = """\
local TAG = string.sub(KEYS[1], 1, -6)
local function named(family, name) return TAG .. family .. ':' .. name end
"""
#: a verb is a function, so that its variables do not count with those of all parts
BEGIN, END = "return (function() ", "end)()\n"


class Script(NamedTuple):
    """A script's whole text, and the hash by which Redis knows it once it was sent."""

    text: bytes
    sha: str


@cache
def script(verb: str) -> Script:
    """The script of a verb. It declares `relay.store.keys.Keys.declared`, which say where it has to run."""
    head = f"#!lua flags={flags}\n" if (flags := flag(verb)) else "#!lua\n"
    *below, own = blocks(verb)
    text = "".join([head, KEYS, *below, BEGIN, own, END]).encode()
    return Script(text, sha1(text))


def sha1(text: bytes) -> str:
    """The hash by which Redis knows a text, and no secret: 40 hexadecimal digits."""
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def blocks(verb: str) -> list[str]:
    """The parts of a verb, as `hidden` puts them, and what it has for itself."""
    return hidden({name: _expanded(name) for name in parts(verb, read)})


def flag(verb: str) -> str:
    """What Redis is to know of a verb, "" for nothing."""
    found = _FLAG.match(read(verb))
    return found[1] if found else ""


async def evaluate(link: Connection, keys: Keys, verb: str, *words: Any) -> Reply:
    """Run a script where the link leads, by its hash, or by its text where Redis does not have it; raises what
    `Connection.command` does."""
    text, sha = script(verb)
    arguments = (len(keys.declared), *keys.declared, *words)
    try:
        return await link.command("EVALSHA", sha, *arguments)
    except Refused as refusal:
        if refusal.word != "NOSCRIPT":
            raise
    return await link.command("EVAL", text, *arguments)


def parts(name: str, source_of: Callable[[str], str]) -> list[str]:
    """A verb and all that it needs, in the order in which they stand in its script. Raises `LookupError`."""
    found: dict[str, None] = {}
    _collect(name, (), found, source_of)
    return list(found)


def needs(source: str) -> list[str]:
    """The parts that a source declares to need."""
    declared = _NEEDS.search(source)
    return re.findall(r"\w+", declared[1]) if declared else []


def read(name: str) -> str:
    """The source of a verb or a part."""
    return (files(__package__) / "lua" / f"{name}.lua").read_text()


def _collect(
    name: str, within: tuple[str, ...], found: dict[str, None], source_of: Callable[[str], str]
) -> None:
    if name in within:
        raise LookupError(f"parts need one another: {' → '.join((*within, name))}")
    for other in needs(source_of(name)):
        if other not in found:
            _collect(other, (*within, name), found, source_of)
    found[name] = None


@cache
def _expanded(name: str) -> str:
    try:
        return expanded(read(name))
    except LookupError as error:
        raise LookupError(f"{name}.lua: {error.args[0]}") from error
