"""What a part of a script has for itself is hidden from the others, in a block: Lua has room for 200 variables that all
of a script sees, and those of a block do not count."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: what a part has on its first level
_FUNCTION = re.compile(r"^local function (\w+)", re.MULTILINE)
_VARIABLES = re.compile(r"^local (?!function\b)(\w+(?: *, *\w+)*)( *=)?", re.MULTILINE)
_WORD = re.compile(r"\b[A-Za-z_]\w*")


def hidden(sources: Mapping[str, str]) -> list[str]:
    """The sources of a script by their names, its verb the last one: each part as a block, its lines where they were. A
    variable whose name no other source has is known in its block only."""
    words = {name: frozenset(_WORD.findall(text)) for name, text in sources.items()}
    *below, verb = sources
    others = {name: frozenset().union(*(words[each] for each in sources if each != name)) for name in below}
    return [*(_block(sources[name], others[name]) for name in below), sources[verb]]


def _block(text: str, others: frozenset[str]) -> str:
    known: list[str] = []

    def function(found: re.Match[str]) -> str:
        if found[1] not in others:
            return found[0]
        known.append(found[1])
        return found[0].removeprefix("local ")

    def variables(found: re.Match[str]) -> str:
        names = re.findall(r"\w+", found[1])
        if others.isdisjoint(names):
            return found[0]
        known.extend(names)
        return found[0].removeprefix("local ") + ("" if found[2] else " = nil")

    inside = _VARIABLES.sub(variables, _FUNCTION.sub(function, text))
    body = inside.rstrip("\n")
    declared = f"local {', '.join(known)} " if known else ""
    return f"{declared}do {body} end{inside[len(body) :] or chr(10)}"
