"""How commands end."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from relay.commands.ending import Unreached
from relay.commands.operating import INTERRUPTED, Conduct
from relay.operations.operations import NotPossible


class Relay:
    """A relay that a command works on, and whether it was left."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.is_left = False

    @asynccontextmanager
    async def way(self, reactor: Any) -> AsyncIterator[Any]:
        try:
            yield self
        finally:
            self.is_left = True

    def conduct(self, act: Callable[[Any, Any, Any], Awaitable[int | None]]) -> list[Any]:
        """What comes of an act: `None`, or the status with which the command ends."""
        ends: list[Any] = []
        working = Conduct(self.reactor, Namespace(), act).run(self.way)
        working.addCallbacks(ends.append, lambda failure: ends.append(failure.value))
        return ends

    def interrupt(self) -> Any:
        """What a signal does."""
        (trigger,) = self.reactor.triggers["before"]["shutdown"]
        function, positional, named = trigger
        return function(*positional, **named)


def status_of(ends: list[Any]) -> Any:
    (ended,) = ends
    return ended.code if isinstance(ended, SystemExit) else ended


@pytest.mark.parametrize(("status", "shown"), [(None, None), (0, None), (3, 3)])
def test_what_a_command_returns_is_its_status(status: int | None, shown: int | None) -> None:
    async def act(*_: Any) -> int | None:
        return status

    relay = Relay()
    assert status_of(relay.conduct(act)) == shown
    assert relay.is_left


@pytest.mark.parametrize("error", [Unreached("nobody answers"), NotPossible("there is no job x")])
def test_what_is_not_possible_is_one_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    async def act(*_: Any) -> None:
        raise error

    relay = Relay()
    assert status_of(relay.conduct(act)) == 1
    assert capsys.readouterr().err == f"relay: {error}\n"
    assert relay.is_left


def test_a_fault_of_relay_itself_is_not_hidden() -> None:
    async def act(*_: Any) -> None:
        raise KeyError("x")

    (ended,) = Relay().conduct(act)
    assert isinstance(ended, KeyError)


def test_a_command_that_is_interrupted_leaves_the_relay_first(capsys: pytest.CaptureFixture[str]) -> None:
    cancelled: list[Any] = []

    async def act(*_: Any) -> None:
        await Deferred(cancelled.append)

    relay = Relay()
    ends = relay.conduct(act)
    assert ends == []
    left = relay.interrupt()
    assert len(cancelled) == 1
    assert relay.is_left
    assert left.called
    assert status_of(ends) == INTERRUPTED
    assert capsys.readouterr().err == ""


def test_what_says_that_it_was_interrupted_in_other_words_is_interrupted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def act(*_: Any) -> None:
        try:
            await Deferred()
        finally:
            raise Unreached("the store does not answer")

    relay = Relay()
    ends = relay.conduct(act)
    relay.interrupt()
    assert status_of(ends) == INTERRUPTED
    assert capsys.readouterr().err == ""


def test_a_command_that_has_ended_is_not_interrupted() -> None:
    async def act(*_: Any) -> None: ...

    relay = Relay()
    ends = relay.conduct(act)
    assert relay.interrupt() is None
    assert ends == [None]
