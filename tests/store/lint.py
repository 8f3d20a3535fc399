"""A linter for relay's Lua: ``python -m tests.store.lint`` writes what is wrong, a line each.

It finds names that are not defined, variables that nobody uses, names that hide others, globals that are set; parts
that are used and not declared as needed, or declared and not used; keys that are not those of `relay.store.keys`; files
that are too long.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luaparser import ast, astnodes

from relay.store import scripts
from relay.store.codec import CONSTANTS
from relay.store.expansion import expanded
from relay.store.keys import FAMILIES, FIXED

FOLDER = Path(scripts.__file__).parent / "lua"
MOST_LINES, WIDEST = 90, 126
GLOBALS = {"redis", "ARGV", "cjson", "cmsgpack", "string", "table", "math", "K", "ARG", "named", *CONSTANTS}
GLOBALS |= {"error", "ipairs", "pairs", "pcall", "select", "tonumber", "type", "unpack"}
_KEYLESS = {"TIME", "SCAN"}  # commands


@dataclass
class Variable:
    name: str
    line: int
    used: bool = False


@dataclass
class Source:
    """One file, as it was read: what it has for others, what it takes from others."""

    name: str
    text: str
    exports: dict[str, Variable] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)  # name → line
    hidden: dict[str, int] = field(default_factory=dict)  # names of inner variables → line
    faults: list[str] = field(default_factory=list)
    answers: bool = False  # it may end its script, so that it is of use where nobody takes anything from it

    @property
    def needs(self) -> list[str]:
        return scripts.needs(self.text)

    @property
    def is_verb(self) -> bool:
        return "\n-- answer:" in self.text

    def blame(self, line: int, what: str) -> None:
        self.faults.append(f"{self.name}.lua:{line}: {what}")


class Reader:
    """Walks through a source, with the variables that are in sight."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scopes: list[dict[str, Variable]] = [source.exports]
        self.line = 1  # the parser does not know that of each name

    def read(self) -> None:
        try:
            tree = ast.parse(self.source.text)
        except ast.SyntaxException as error:
            self.source.blame(1, str(error))
            return
        self.source.answers = any(map(ends_script, tree.body.body))
        self.visit(tree.body)

    def visit(self, node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                self.visit(each)
        elif isinstance(node, astnodes.Node):
            self.line = node.line or self.line
            special = getattr(self, f"visit_{type(node).__name__.lower()}", None)
            if special is not None:
                special(node)
            else:
                self.visit_parts(node)

    def visit_parts(self, node: astnodes.Node) -> None:
        for value in parts_of(node):
            self.visit(value)

    def within(self, names: Iterable[Any], *parts: Any) -> None:
        """Visit what sees these names, and nothing else does."""
        self.scopes.append({})
        for name in names:
            self.declare(name)
        for part in parts:
            self.visit(part.body if isinstance(part, astnodes.Block) else part)
        for variable in self.scopes.pop().values():
            if not variable.used and not variable.name.startswith("_"):
                self.source.blame(variable.line, f"nobody uses {variable.name!r}")

    def declare(self, name: Any) -> None:
        if not isinstance(name, astnodes.Name):
            return  # ``...``
        if name.id != "_" and any(name.id in scope for scope in self.scopes):
            self.blame(f"{name.id!r} hides another of this name")
        if len(self.scopes) > 1:
            self.source.hidden.setdefault(name.id, self.line)
        self.scopes[-1][name.id] = Variable(name.id, self.line)

    def blame(self, what: str) -> None:
        self.source.blame(self.line, what)

    # -- statements --

    def visit_localassign(self, node: astnodes.LocalAssign) -> None:
        self.visit(node.values)
        for target in node.targets:
            self.declare(target)

    def visit_localfunction(self, node: astnodes.LocalFunction) -> None:
        self.declare(node.name)
        self.within(node.args, node.body)

    def visit_anonymousfunction(self, node: astnodes.AnonymousFunction) -> None:
        self.within(node.args, node.body)

    def visit_function(self, node: astnodes.Function) -> None:
        self.blame("a function that is not local")
        self.within(node.args, node.body)

    def visit_assign(self, node: astnodes.Assign) -> None:
        self.visit(node.values)
        for target in node.targets:
            if isinstance(target, astnodes.Name):
                self.find(target, used=False)
            else:
                self.visit(target)

    def visit_fornum(self, node: astnodes.Fornum) -> None:
        self.visit([node.start, node.stop, node.step])
        self.within([node.target], node.body)

    def visit_forin(self, node: astnodes.Forin) -> None:
        self.visit(node.iter)
        self.within(node.targets, node.body)

    def visit_repeat(self, node: astnodes.Repeat) -> None:
        self.within([], node.body, node.test)

    def visit_block(self, node: astnodes.Block) -> None:
        if node.body and len(self.scopes) == 1 and not self.source.exports:
            self.visit(node.body)  # the file itself
        else:
            self.within([], node)

    # -- expressions --

    def visit_name(self, node: astnodes.Name) -> None:
        self.find(node, used=True)

    def visit_field(self, node: astnodes.Field) -> None:
        if node.between_brackets:
            self.visit(node.key)
        self.visit(node.value)

    def visit_index(self, node: astnodes.Index) -> None:
        self.visit(node.value)
        if node.notation is astnodes.IndexNotation.SQUARE:
            self.visit(node.idx)
        elif isinstance(node.value, astnodes.Name) and node.value.id == "K" and node.idx.id not in FIXED:
            self.blame(f"there is no key {node.idx.id!r}")

    def visit_call(self, node: astnodes.Call) -> None:
        self.visit_parts(node)
        if isinstance(node.func, astnodes.Name) and node.func.id == "named":
            family = text_of(node.args[0])
            if family not in FAMILIES:
                self.blame(f"there is no family of keys {family!r}")
        if isinstance(node.func, astnodes.Index) and getattr(node.func.value, "id", "") == "redis":
            self.check_command(node)

    def check_command(self, node: astnodes.Call) -> None:
        command = text_of(node.args[0])
        if command is None:
            self.blame("a command that is not written down")
        for key in node.args[1:2] if command not in _KEYLESS else []:
            made_here = isinstance(key, (astnodes.String, astnodes.Concat, astnodes.Number))
            taken = isinstance(key, astnodes.Index) and getattr(key.value, "id", "") in ("ARGV", "ARG")
            if made_here or taken:
                self.blame(f"the key of {command} is neither K's nor named(…)")

    def find(self, node: astnodes.Name, used: bool) -> None:
        for scope in reversed(self.scopes):
            if node.id in scope:
                scope[node.id].used |= used
                return
        if not used and node.id in GLOBALS:
            self.blame(f"sets the global {node.id!r}")
        self.source.taken.setdefault(node.id, self.line)


def ends_script(statement: Any) -> bool:
    """Whether a statement at the top of a file returns, outside of functions."""
    if isinstance(statement, (astnodes.LocalFunction, astnodes.AnonymousFunction)):
        return False
    if isinstance(statement, astnodes.Return):
        return True
    below = statement if isinstance(statement, list) else parts_of(statement)
    return any(ends_script(each) for each in below if isinstance(each, (list, astnodes.Node)))


def parts_of(node: astnodes.Node) -> list[Any]:
    """What a piece of a source is made of."""
    return [value for name, value in vars(node).items() if not name.startswith("_") and name != "comments"]


def text_of(node: Any) -> str | None:
    if not isinstance(node, astnodes.String):
        return None
    return node.s.decode() if isinstance(node.s, bytes) else str(node.s)


def read_all(texts: dict[str, str]) -> dict[str, Source]:
    sources = {name: Source(name, text) for name, text in texts.items()}
    for source in sources.values():
        Reader(source).read()
        check_size(source)
    return sources


def check_size(source: Source) -> None:
    lines = source.text.splitlines()
    if len(lines) > MOST_LINES:
        source.blame(MOST_LINES, f"has {len(lines)} lines, {MOST_LINES} are enough")
    for number, line in enumerate(lines, 1):
        if len(line) > WIDEST:
            source.blame(number, f"is wider than {WIDEST}")


def faults_of(texts: dict[str, str]) -> Iterator[str]:
    """What is wrong with these files, by their names."""
    sources = read_all(texts)
    owners: dict[str, list[Source]] = {}
    for source in sources.values():
        for name in () if source.is_verb else source.exports:
            owners.setdefault(name, []).append(source)
    for source in sources.values():
        check_names(source, owners, {name for name, part in sources.items() if part.answers})
        check_records(source)
        check_doubles(source, sources)
    for source in sources.values():
        for variable in source.exports.values():
            if not variable.used:
                source.blame(variable.line, f"nobody uses {variable.name!r}")
        yield from source.faults


def check_names(source: Source, owners: dict[str, list[Source]], answering: set[str]) -> None:
    used = set(answering)
    for name, line in source.taken.items():
        found = owners.get(name, ())
        owner = next((part for part in found if part.name in source.needs), found[0] if found else None)
        if owner is None:
            if name not in GLOBALS:
                source.blame(line, f"{name!r} is not defined")
            continue
        owner.exports[name].used = True
        used.add(owner.name)
        if owner.name not in source.needs:
            source.blame(line, f"uses {name!r} of {owner.name}.lua, which is not among its needs")
    for name in source.needs:
        if name not in used:
            source.blame(1, f"does not need {name!r}")
    for name, line in source.hidden.items():
        if name in GLOBALS or any(owner.name in source.needs for owner in owners.get(name, ())):
            source.blame(line, f"{name!r} hides another of this name")


def check_records(source: Source) -> None:
    """What the source names of keys, arguments and records is there."""
    try:
        expanded(source.text)
    except LookupError as error:
        source.blame(1, error.args[0])


def check_doubles(source: Source, sources: dict[str, Source]) -> None:
    """No two parts of one script define the same name, and the prelude comes first."""
    known: dict[str, str] = {}
    script = scripts.parts(source.name, lambda name: sources[name].text)
    if source.is_verb and len(script) > 1 and script[0] != "prelude":
        source.blame(1, "does something before the prelude has looked for which data set it is")
    for part in script:
        for name, variable in sources[part].exports.items():
            other = known.setdefault(name, part)
            if other != part and source.name in (part, other):
                source.blame(variable.line, f"{name!r} is {other}.lua's, too")


def main() -> int:
    texts = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.lua"))}
    faults = list(faults_of(texts))
    for fault in faults:
        sys.stdout.write(f"relay/store/lua/{fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
