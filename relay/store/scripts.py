"""The Lua scripts: put together from ``lua/``, one file for each verb, and sent by their hashes.

A line ``--@include part`` is replaced by that file, ``--!flag`` in the first line becomes a flag of the script.
Parts and verbs find their keys in a table ``K``, by their names in `relay.store.keys`; any other is an error.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from relay.redis.connection import Connection, Refused, Reply
from relay.store.keys import FIXED, Keys

_INCLUDE = re.compile(r"^--@include (\w+)$", re.MULTILINE)
_KEY = re.compile(r"\bK\.(\w+)")
_FLAG = re.compile(r"\A--!([\w-]+)\n")

#: the tag is what stands before "never" in the first declared key
_TABLE = """\
local TAG = string.sub(KEYS[1], 1, -6)
local K = setmetatable({}, {__index = function(_, name) return TAG .. name end})
"""


class Script(NamedTuple):
    """A script's whole text, and the hash by which Redis knows it once it was sent."""

    text: bytes
    sha: str


@cache
def script(verb: str) -> Script:
    """The script of a verb. It declares `relay.store.keys.Keys.declared`, which say where it has to run."""
    source = _read(verb)
    flag = _FLAG.match(source)
    head = f"#!lua flags={flag[1]}\n" if flag else "#!lua\n"
    body = _INCLUDE.sub(_included, source)
    for name in set(_KEY.findall(body)):
        if name not in FIXED:
            raise LookupError(f"{verb}.lua: there is no key {name!r} in relay.store.keys")
    text = f"{head}{_TABLE}{body}".encode()
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest())


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


def _included(match: re.Match[str]) -> str:
    return _read(match[1])


def _read(name: str) -> str:
    return (files(__package__) / "lua" / f"{name}.lua").read_text()
