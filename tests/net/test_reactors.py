"""The reactor on an event loop: what it schedules, and which reactors there are."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet import default
from twisted.internet.abstract import FileDescriptor
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.python import context, log
from twisted.python.log import ILogContext

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

    def logPrefix(self) -> str:
        return "a reader"

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


# -- descriptors that are ready --


@pytest.fixture(params=["epoll", "asyncio", "uvloop"])
def turn(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Callable[[], None]]]:
    """A reactor, and what has it call all that is ready."""
    if request.param == "epoll":
        made: Any = pytest.importorskip("relay.net.epoll").DirectEPollReactor()
        yield made, lambda: made.doIteration(0)
        for each in made.removeAll():
            each.connectionLost(None)
        made._poller.close()
        return
    if asyncio._get_running_loop() is not None:
        pytest.skip("the tests have a reactor that runs on an event loop")
    made = LoopReactor(new_loop(request.param))
    yield made, lambda: made.loop.run_until_complete(asyncio.sleep(0.01))
    made.removeAll()
    made.loop.close()
    asyncio.set_event_loop(None)


class Ending(Reader):
    """Fails as it is told to."""

    def __init__(self, reactor: Any, fails_to_read: bool, fails_to_end: bool) -> None:
        super().__init__(reactor, self._fail if fails_to_read else lambda: None)
        self._fails_to_end = fails_to_end
        self.ended: list[type[BaseException]] = []

    def _fail(self) -> None:
        raise ZeroDivisionError

    def connectionLost(self, reason: Any) -> None:
        self.ended.append(reason.type)
        if self._fails_to_end:
            raise LookupError


def test_a_descriptor_that_fails_ends_and_the_others_are_read(
    turn: tuple[Any, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reactor, once = turn
    logged: list[type[BaseException] | None] = []

    def note(*_: object) -> None:
        logged.append(sys.exc_info()[0])

    monkeypatch.setattr(log, "err", note)
    monkeypatch.setattr(LoopReactor, "_log", SimpleNamespace(failure=note))
    read: list[str] = []
    failing = Ending(reactor, fails_to_read=True, fails_to_end=False)
    failing_twice = Ending(reactor, fails_to_read=True, fails_to_end=True)
    readers = [failing, failing_twice, Reader(reactor, lambda: read.append("the last"))]
    for reader in readers:
        reader.startReading()
        reader.theirs.send(b"x")
    once()
    assert read == ["the last"]
    assert failing.ended == failing_twice.ended == [ZeroDivisionError]
    assert logged == [ZeroDivisionError, ZeroDivisionError, LookupError]
    for reader in readers:
        reader.theirs.send(b"x")
    once()  # nothing is read of what has ended
    assert (read, len(logged)) == (["the last"] * 2, 3)
    for reader in readers:
        reader.close()


def test_what_is_closed_by_another_is_not_read_any_more(turn: tuple[Any, Callable[[], None]]) -> None:
    reactor, once = turn
    read: list[Reader] = []

    def one() -> Reader:
        def close_the_other() -> None:
            read.append(reader)
            (other,) = {*readers} - {reader}
            other.stopReading()

        reader = Reader(reactor, close_the_other)
        return reader

    readers = [one(), one()]
    for reader in readers:
        reader.startReading()
        reader.theirs.send(b"x")
    once()
    assert len(read) == 1
    for reader in readers:
        reader.close()


def test_what_is_ready_is_called_without_a_context_for_twisteds_log(
    turn: tuple[Any, Callable[[], None]],
) -> None:
    reactor, once = turn
    seen: list[object] = []
    reader = Reader(reactor, lambda: seen.append(context.get(ILogContext)))
    written: list[object] = []
    reader.doWrite = lambda: written.append(context.get(ILogContext)) or reader.stopWriting()  # type: ignore[method-assign, func-returns-value]
    reader.startReading()
    reader.startWriting()
    reader.theirs.send(b"x")
    once()
    assert seen == written == [{"system": "-"}]
    reader.close()


def test_a_reactor_that_waits_on_hears_of_timers_and_threads_and_of_its_end() -> None:
    """Each is asked for by what is ready, while nothing was due for long."""
    reactor = pytest.importorskip("relay.net.epoll").DirectEPollReactor()
    heard: list[str] = []

    def timer() -> None:
        heard.append("timer")
        reader.theirs.send(b"x")

    def thread() -> None:
        heard.append("thread")
        reader.theirs.send(b"x")

    asked = iter(
        [
            lambda: reader.theirs.send(b"x"),
            lambda: reactor.callLater(0.001, timer),
            lambda: late.reset(0.001),
            lambda: Thread(target=reactor.callFromThread, args=(thread,)).start(),
            reactor.stop,
        ]
    )
    reader = Reader(reactor, lambda: next(asked)())
    late = reactor.callLater(60, timer)
    reader.startReading()
    reader.theirs.send(b"x")
    reactor.run(installSignalHandlers=False)
    reader.close()
    assert heard == ["timer", "timer", "thread"]


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


def test_twisteds_reactor_on_epoll_and_ours_have_one_name() -> None:
    ours = pytest.importorskip("relay.net.epoll").DirectEPollReactor
    assert [(name_of(made), loop_of(made)) for made in (ours(), ours.__base__())] == [("epoll", None)] * 2


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


INSTALLED = """
import sys
{before}
from relay.model.settings import Settings
from relay.process import waiting
waiting.install({role!r}, Settings.read({{"reactor": {wanted!r}}}, {{}}), {chosen!r})
from twisted.internet import reactor
print(type(reactor).__module__)
"""
BY_DEFAULT = "relay.net.epoll" if sys.platform == "linux" else default.install.__module__
NO_EPOLL = "import select; del select.epoll"
POLL = "from twisted.internet import pollreactor; pollreactor.install()"


@pytest.mark.processes
@pytest.mark.parametrize(
    ("role", "wanted", "chosen", "before", "installed"),
    [
        ("front", "asyncio", "", "", BY_DEFAULT),
        ("all", "uvloop", "", "", BY_DEFAULT),
        ("front", "asyncio", "", NO_EPOLL, "twisted.internet.pollreactor"),
        ("front", "asyncio", "poll", POLL, "twisted.internet.pollreactor"),  # twistd --reactor poll
        ("front", "asyncio", "", POLL, "twisted.internet.pollreactor"),  # of a relay.tac
        ("worker", "asyncio", "", "", "relay.net.reactors"),
        ("worker", "asyncio", "poll", POLL, "twisted.internet.pollreactor"),
        ("worker", "epoll", "", "", "relay.net.epoll"),
        ("worker", "select", "", "", "twisted.internet.selectreactor"),
    ],
)
def test_a_process_has_the_reactor_of_its_role_unless_another_is_there(
    role: str, wanted: str, chosen: str, before: str, installed: str
) -> None:
    if sys.platform != "linux" and "poll" in f"{before}{wanted}":
        pytest.skip("this machine has another default")
    script = INSTALLED.format(role=role, wanted=wanted, chosen=chosen, before=before)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
    assert (done.stdout.strip(), done.stderr) == (installed, "")


def test_a_reactor_that_runs_may_be_iterated() -> None:
    reactor = pytest.importorskip("relay.net.epoll").DirectEPollReactor()
    late = reactor.callLater(60, reactor.stop)
    heard: list[str] = []

    def iterate() -> None:
        reactor.callLater(0, heard.append, "due")
        reactor.iterate(0)
        reactor.iterate(0)
        heard.append("back")
        late.cancel()
        reactor.stop()

    reactor.callWhenRunning(iterate)
    reactor.run(installSignalHandlers=False)
    assert heard == ["due", "back"]
