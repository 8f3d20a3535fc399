"""What the Lua sources leave to be put in: keys, positions, arguments. It is put in when a source is read, so a script
does not pay for it when it runs.

=====================  ================================================================================
``K.job``              a key of `relay.store.keys`
``ARG.inbox``          the argument of that name in the head of the verb; ``ARG.REST``: the number of
                       the first one behind those that have names
``Job.lane``           the position of a field in a record of `relay.store.codec`; ``Job.COUNT``: how many
``Claim{id = a, …}``   a table with the fields of a record, in its order; ``DeadJob = letter`` stands for
                       all fields that it shares with that record, read from the variable ``letter``
=====================  ================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from relay.store.codec import CONSTANTS
from relay.store.keys import FAMILIES, FIXED
from relay.store.layout import Layout

_COMMENT = re.compile(r"('(?:[^'\\\n]|\\.)*')|[ \t]*--[^\n]*")
_NAMED = re.compile(r"\bnamed\('(\w+)'")
_WORD = re.compile(rf"\b(K|ARG|{'|'.join(CONSTANTS)})(?:\.(\w+)|(\{{))")
_BRACKET = re.compile(r"'(?:[^'\\\n]|\\.)*'|[][(){},]")
_FIELD = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*", re.DOTALL)
_ARGUMENTS = re.compile(r"^-- arguments:(.*(?:\n--   .*)*)", re.MULTILINE)
_ASIDE = re.compile(r"\([^()]*\)")


def expanded(source: str) -> str:
    """A source without its comments, its words put in, its lines where they were. Raises `LookupError`."""
    for family in _NAMED.findall(source):
        if family not in FAMILIES:
            raise LookupError(f"there is no family of keys {family!r} in relay.store.keys")
    return _expanded(_COMMENT.sub(lambda found: found[1] or "", source), arguments(source))


def arguments(source: str) -> Sequence[str]:
    """The names of a verb's arguments, from its head: up to a comma and "then", what is in brackets left out."""
    found = _ARGUMENTS.search(source)
    if found is None:
        return ()
    told = " ".join(_ASIDE.sub("", found[1].replace("\n--", "")).split())
    listed, _, _ = told.partition(", then ")
    return [name.strip() for name in listed.split(",")]


def _expanded(text: str, names: Sequence[str]) -> str:
    done, at = [], 0
    while found := _WORD.search(text, at):
        done.append(text[at : found.start()])
        if found[3]:
            inside, at = _inside(text, found.end())
            done.append(_row(found[1], inside, names))
        else:
            done.append(_literal(found[1], found[2], names))
            at = found.end()
    return "".join([*done, text[at:]])


def _literal(name: str, member: str, names: Sequence[str]) -> str:
    if name == "K":
        if member not in FIXED:
            raise LookupError(f"there is no key {member!r} in relay.store.keys")
        return f"TAG .. '{member}'"
    if name == "ARG":
        return _argument(member, names)
    return CONSTANTS[name].literal(member)


def _argument(name: str, names: Sequence[str]) -> str:
    if name == "REST":
        return str(len(names) + 1)
    if name not in names:
        raise LookupError(f"there is no argument {name!r} among {', '.join(names)}")
    return f"ARGV[{names.index(name) + 1}]"


def _row(name: str, inside: Sequence[str], names: Sequence[str]) -> str:
    given: dict[str, str] = {}
    for part in filter(str.strip, inside):
        field = _FIELD.fullmatch(part)
        if field is None:
            raise LookupError(f"{name}{{…}} has a part without a name: {part!r}")
        given |= _shared(name, field[1], field[2]) or {field[1]: _expanded(field[2], names)}
    lost = sum(part.count("\n") for part in inside) - sum(value.count("\n") for value in given.values())
    return CONSTANTS[name].row(given) + "\n" * lost


def _shared(name: str, other: str, variable: str) -> Mapping[str, str]:
    """The fields that a record shares with another, as they are in a variable."""
    record, source = CONSTANTS[name], CONSTANTS.get(other)
    if not isinstance(record, Layout) or not isinstance(source, Layout):
        return {}
    shared = [field for field in source.fields if field in record.fields]
    return {field: f"{variable}[{source.literal(field)}]" for field in shared}


def _inside(text: str, at: int) -> tuple[list[str], int]:
    """What stands between the commas of a table that begins at `at`, and where it has ended."""
    parts, begun, depth = [], at, 0
    for found in _BRACKET.finditer(text, at):
        mark = found[0]
        if not depth and mark in ",}":
            parts.append(text[begun : found.start()])
            begun = found.end()
            if mark == "}":
                return parts, found.end()
        depth += (mark in "([{") - (mark in ")]}")
    raise LookupError("a row does not end")
