"""What can be counted of how the code is built: sizes, docstrings, names."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.test_layers import modules, tree

LONGEST_MODULE = 250  # lines
LONGEST_FUNCTION = 40
LONGEST_SCRIPT = 90  # lines of a part in Lua
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_modules_are_short() -> None:
    long = {
        name: lines
        for name, path in modules().items()
        if (lines := len(path.read_text().splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def test_scripts_are_short(root: Path) -> None:
    long = {
        path.name: lines
        for path in (root / "relay" / "store" / "lua").glob("*.lua")
        if (lines := len(path.read_text().splitlines())) > LONGEST_SCRIPT
    }
    assert long == {}


def test_functions_are_short() -> None:
    long = [
        f"{name}:{node.lineno} {node.name}"
        for name, path in modules().items()
        for node in ast.walk(tree(path))
        if isinstance(node, Function) and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_no_class_name_stands_twice() -> None:
    homes = defaultdict(set)
    for name, path in modules().items():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                homes[node.name].add(name)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def undocumented(body: list[ast.stmt], within: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            place = f"{within}.{node.name}"
            if isinstance(node, ast.ClassDef):
                above = {name for base in node.bases for name in told().get(ast.unparse(base), ())}
                yield from (
                    each for each in undocumented(node.body, place) if each.split(".")[-1] not in above
                )
            if ast.get_docstring(node) is None and not is_told_elsewhere(node):
                yield place


@cache
def told() -> dict[str, set[str]]:
    """By class of relay the methods that it has docstrings for, which those that extend it need not say again."""
    by_class: dict[str, set[str]] = defaultdict(set)
    for path in modules().values():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef):
                methods = [method for method in node.body if isinstance(method, Function)]
                by_class[node.name] |= {method.name for method in methods if ast.get_docstring(method)}
    return by_class


def is_told_elsewhere(node: ast.ClassDef | Function) -> bool:
    """What Twisted calls, what another says (overloads, Protocols of one line), and what one line says itself."""
    if isinstance(node, ast.ClassDef):
        return False
    return node.name != node.name.lower() or (node.end_lineno or 0) - node.body[0].lineno < 3


def test_what_is_public_has_a_docstring() -> None:
    missing = [place for name, path in modules().items() for place in undocumented(tree(path).body, name)]
    missing += [name for name, path in modules().items() if ast.get_docstring(tree(path)) is None]
    assert missing == []
