"""The Lua scripts: put together from ``lua/``, one file for each verb, and sent by their hashes.

A line ``--@include part`` is replaced by that file, ``--!flag`` in the first line becomes a flag of the script.
Parts and verbs find their keys in a table ``K``, written here from `relay.store.keys`.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from relay.store.keys import FIXED

_INCLUDE = re.compile(r"^--@include (\w+)$", re.MULTILINE)
_FLAG = re.compile(r"\A--!([\w-]+)\n")


class Script(NamedTuple):
    """A script's whole text, and the hash by which Redis knows it once it was sent."""

    text: bytes
    sha: str


@cache
def script(verb: str) -> Script:
    """The script of a verb; its keys are the fixed ones of `relay.store.keys`, in their order."""
    source = _read(verb)
    flag = _FLAG.match(source)
    head = f"#!lua flags={flag[1]}\n" if flag else "#!lua\n"
    keys = ", ".join(f"{name} = KEYS[{nth}]" for nth, name in enumerate(FIXED, 1))
    text = f"{head}local K = {{{keys}}}\n{_INCLUDE.sub(_included, source)}".encode()
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest())


def _included(match: re.Match[str]) -> str:
    return _read(match[1])


def _read(name: str) -> str:
    return (files(__package__) / "lua" / f"{name}.lua").read_text()
