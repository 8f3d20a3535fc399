"""Verbs that run for each job, as functions that Redis keeps (`FUNCTION LOAD`).

A script makes all its Lua functions anew whenever it runs, which takes longer than what it does for a job; a library
makes them once. It is made of the parts of the script: what a part has on its first level beside functions and numbers
is run at the beginning of each call, so that nothing is left of the call before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from relay.store.scripts import blocks, flag, sha1

#: the verbs that are worth it
FUNCTIONS = frozenset({"submit", "turn", "emit"})

_HEAD = """\
local KEYS, ARGV, TAG, K
local function named(family, name) return TAG .. family .. ':' .. name end
local BEGINS, KNOWN = {}, {}
local function keys_of(tag)
  KNOWN[tag] = KNOWN[tag] or setmetatable({}, {__index = function(keys, name)
    keys[name] = tag .. name
    return rawget(keys, name)
  end})
  return KNOWN[tag]
end
"""
_TAIL = """\
redis.register_function{function_name = 'NAME', flags = {%s}, callback = function(keys, arguments)
  KEYS, ARGV, TAG = keys, arguments, string.sub(keys[1], 1, -6)
  K = keys_of(TAG)
  for _, begin in ipairs(BEGINS) do
    local answer = begin()
    if answer then return answer end
  end
  return verb()
end}
"""
_NAMELESS = "'NAME'"
_KEY = re.compile(r"\bTAG \.\. '(\w+)'")
_BLOCK = re.compile(r"\A(local [\w, ]+ )?do (.*) end\s*\Z", re.DOTALL)
_STATEMENT = re.compile(r"^(?=[A-Za-z])(?!(?:end|else|elseif|until)\b)", re.MULTILINE)
_KEPT = re.compile(r"(?:local )?(?:function\b|[A-Z_]+(?:, [A-Z_]+)* = [\d', ]+\s*\Z)")
_VARIABLES = re.compile(r"local (\w+(?:, *\w+)*)( *=)?")
_NAME = re.compile(r"relay_([a-z_]+)_[0-9a-f]{12}\b")


class Library(NamedTuple):
    """What `FUNCTION LOAD` takes, and the name of its function, which no other text has."""

    text: str
    function: str


@cache
def library(verb: str) -> Library:
    """The library of a verb: it has the keys and the arguments of its script, and answers the same."""
    *parts, own = blocks(verb)
    made = "".join([_HEAD, *map(_part, parts), f"local function verb()\n{own}\nend\n", _TAIL % _flags(verb)])
    text = _KEY.sub(r"K.\1", made)
    name = f"relay_{verb}_{sha1(text.encode())[:12]}"
    return Library(f"#!lua name=relay_{verb}\n{text.replace(_NAMELESS, repr(name))}", name)


def verb_of(function: str) -> str:
    """The verb of a function of any version, by its name; "" for others."""
    named = _NAME.match(function)
    return named[1] if named else ""


def _flags(verb: str) -> str:
    return f"'{flags}'" if (flags := flag(verb)) else ""


def _part(block: str) -> str:
    """A part: what is kept, and what is done at the beginning of each call."""
    found = _BLOCK.match(block)
    assert found is not None, block
    own, kept, begins = list[str](), list[str](), list[str]()
    for statement in _statements(found[2]):
        if _KEPT.match(statement):
            kept.append(statement)
        elif variables := _VARIABLES.match(statement):
            own.append(f"local {variables[1]}\n")
            begins.append(statement.removeprefix("local ") if variables[2] else f"{variables[1]} = nil\n")
        else:
            begins.append(statement)
    begin = ["BEGINS[#BEGINS + 1] = function()\n", *begins, "end\n"] if begins else []
    return "".join([found[1] or "", "do\n", *own, *kept, *begin, "end\n"])


def _statements(body: str) -> Iterator[str]:
    """What stands on the first level, whose lines are not indented."""
    starts = [found.start() for found in _STATEMENT.finditer(body)]
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        yield body[start:end].rstrip() + "\n"
