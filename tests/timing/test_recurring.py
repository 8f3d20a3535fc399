"""Recurring work goes on whatever happens in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.timing.recurring import going_on, recurring
from tests.test_layers import modules, tree


async def _raises() -> None:
    raise ValueError


BODIES: list[Any] = [lambda: 1 / 0, lambda: fail(ValueError()), _raises]


@pytest.mark.parametrize("fails", BODIES)
def test_an_error_is_logged_and_the_next_call_is_made(fails: Any, no_logged_failures: list[LogEvent]) -> None:
    clock, calls = Clock(), []

    def body() -> Any:
        calls.append(clock.seconds())
        return fails()

    looping = recurring(clock, body)
    looping.start(1)
    clock.pump([1, 1])
    assert calls == [0, 1, 2]
    looping.stop()
    assert len(no_logged_failures) == 3
    no_logged_failures.clear()


def test_a_call_is_made_after_the_one_before_has_ended() -> None:
    clock, slow = Clock(), [Deferred[None](), Deferred[None]()]
    waiting = iter(slow)
    looping = recurring(clock, lambda: next(waiting))
    looping.start(1)
    clock.advance(5)
    slow[0].callback(None)
    clock.advance(1)
    assert next(waiting, None) is None
    looping.stop()


def test_all_that_goes_on_is_in_one_list_with_what_was_counted(no_logged_failures: list[LogEvent]) -> None:
    clock, slow = Clock(), Deferred[None]()
    before = going_on()

    def broken() -> None:
        raise ValueError

    failing, waiting = recurring(clock, broken), recurring(clock, lambda: slow)
    failing.start(1)
    waiting.start(5, now=False)
    clock.pump([1] * 7)
    slow.callback(None)
    assert going_on() == [*before, failing, waiting]
    assert (failing.calls, failing.failures, failing.longest) == (8, 8, 0)
    assert (waiting.calls, waiting.failures, waiting.longest) == (1, 0, 2)
    assert repr(failing).endswith("broken every 1 s: 8 calls, 8 failed, the longest took 0.000 s>")
    failing.stop()
    waiting.stop()
    assert going_on() == before
    no_logged_failures.clear()


def recurring_work() -> Iterator[str]:
    """What `recurring` is called with anywhere in relay, and the tables of such work that `Membership` is given."""
    for path in modules().values():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "recurring":
                yield ast.unparse(node.args[1])
            elif isinstance(node, ast.Assign | ast.AnnAssign) and _target(node) == "work":
                assert isinstance(node.value, ast.Dict)
                yield from (ast.unparse(body) for body in node.value.keys if body is not None)


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    return ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])


def test_the_docs_list_all_recurring_work(root: Path) -> None:
    text = (root / "docs" / "architecture.md").read_text()
    listed = text.partition("## Recurring work")[2].partition("\n## ")[0]
    found = {body.rpartition(".")[2].lstrip("_") for body in recurring_work()} - {"body"}
    assert found == set(re.findall(r"^\| `(\w+)`", listed, re.MULTILINE))
