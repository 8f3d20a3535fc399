"""The reactor on an event loop: what it schedules, and which reactors there are."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.selectreactor import SelectReactor

from relay.net import reactors
from relay.net.reactors import LoopReactor, ReactorError, loop_of, name_of, new_loop

whose: ContextVar[str] = ContextVar("whose", default="nobody's")


@pytest.fixture(params=["asyncio", "uvloop"])
def reactor(request: pytest.FixtureRequest) -> Iterator[LoopReactor]:
    """One that is not run: its loop is."""
    made = LoopReactor(new_loop(request.param))
    yield made
    made.removeAll()
    made.loop.close()
    asyncio.set_event_loop(None)


class Reader(FileDescriptor):
    """Says when it is read."""

    def __init__(self, reactor: Any, read: Callable[[], None]) -> None:
        super().__init__(reactor)
        self._read = read
        self.ours, self.theirs = socket.socketpair()

    def fileno(self) -> int:
        return self.ours.fileno()

    def doRead(self) -> None:
        self.ours.recv(1)
        self._read()

    def close(self) -> None:
        self.stopReading()
        self.ours.close()
        self.theirs.close()


def test_what_a_reactor_calls_has_not_the_context_of_whoever_asked(reactor: LoopReactor) -> None:
    """A timer that a job sets is the reactor's, and fires for whomever."""
    seen: asyncio.Queue[str] = asyncio.Queue()

    def note() -> None:
        seen.put_nowait(whose.get())

    reader = Reader(reactor, note)

    def ask() -> None:
        whose.set("a job's")
        reactor.callLater(0, note)
        reactor.callFromThread(note)
        reader.startReading()
        reader.theirs.send(b"x")

    async def all_of_them() -> list[str]:
        copy_context().run(ask)
        return [await seen.get() for _ in range(3)]

    if asyncio._get_running_loop() is not None:
        pytest.skip("the tests have a reactor that runs on an event loop")
    found = reactor.loop.run_until_complete(asyncio.wait_for(all_of_them(), 20))
    reader.close()
    assert found == ["nobody's"] * 3


def test_a_thread_that_outlives_the_reactor_is_not_disturbed(reactor: LoopReactor) -> None:
    reactor.loop.close()
    reactor.callFromThread(pytest.fail, "it was called")


def test_reactors_have_names_and_loops() -> None:
    loops = {name: new_loop(name) for name in reactors.LOOPS}
    for name, loop in loops.items():
        assert (name_of(LoopReactor(loop)), name_of(AsyncioSelectorReactor(loop))) == (name, name)
        assert loop_of(LoopReactor(loop)) is loop_of(AsyncioSelectorReactor(loop)) is loop
        loop.close()
    asyncio.set_event_loop(None)
    assert (name_of(SelectReactor()), loop_of(SelectReactor())) == ("select", None)


def test_a_reactor_that_the_machine_lacks_is_refused() -> None:
    for name in ("asyncio", "uvloop", "select"):
        reactors.check(name)
    with pytest.raises(ReactorError, match="this machine has none"):
        reactors.check("kqueue" if os.uname().sysname == "Linux" else "epoll")


def test_a_second_reactor_is_refused() -> None:
    from twisted.internet import reactor

    reactors.install(name_of(reactor))
    with pytest.raises(ReactorError, match="is there already"):
        reactors.install("uvloop")
