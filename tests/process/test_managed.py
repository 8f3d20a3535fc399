"""Processes that are kept alive, with a clock and processes that only remember what was done to them."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from relay.net import adopted_process
from relay.process import output, reexec
from relay.process.managed import RESTART, STEADY, ManagedProcess, Program
from relay.process.spawned import (
    ALIVE,
    DRAINING,
    LAST_OUTPUT,
    LISTEN,
    PATIENCE,
    READY,
    VARIABLE,
    Child,
    Handed,
)

DRAIN, SUCCEEDED, SILENCE = 7.0, 50.0, 20.0
CONTROL, ORDERS = 3, 4


class Process:
    """A process' transport."""

    pid = 1

    def __init__(self) -> None:
        self.signals: list[int] = []
        self.orders: list[str] = []
        self.closed: list[int] = []
        self.pipes: dict[int, Any] = {}

    def signalProcess(self, number: int) -> None:
        self.signals.append(number)

    def writeToChild(self, descriptor: int, data: bytes) -> None:
        assert descriptor == ORDERS
        self.orders.append(data.decode())

    def closeChildFD(self, descriptor: int) -> None:
        self.closed.append(descriptor)


class Reactor(Clock):
    """A clock that starts processes."""

    def __init__(self) -> None:
        super().__init__()
        self.environments: list[dict[str, str]] = []

    def spawnProcess(self, child: Child, *_: Any, env: dict[str, str], **__: Any) -> Process:
        self.environments.append(env)
        return Process()


@pytest.fixture
def kept() -> ManagedProcess:
    return ManagedProcess(Reactor(), "worker", 1, Program(["program"], {}, DRAIN, SUCCEEDED, SILENCE))


@pytest.fixture
def logged() -> Iterator[list[tuple[LogLevel, str]]]:
    lines: list[tuple[Any, str]] = []

    def watch(event: LogEvent) -> None:
        if "line" in event:
            lines.append((event["log_level"], event["line"]))

    globalLogPublisher.addObserver(watch)
    yield lines
    globalLogPublisher.removeObserver(watch)


def say(child: Child, word: str) -> None:
    child.childDataReceived(CONTROL, f"{word}\n".encode())


def end(child: Child) -> None:
    child.processExited(Failure(ProcessDone(0)))
    child.processEnded(Failure(ProcessDone(0)))


def signals(child: Child) -> list[int]:
    process: Any = child.process
    return process.signals


def orders(child: Child) -> list[str]:
    process: Any = child.process
    return process.orders


def children(kept: ManagedProcess) -> set[Child]:
    return set(kept._all)


def test_words_are_heard_through_a_descriptor_of_their_own_only(
    kept: ManagedProcess, logged: list[Any]
) -> None:
    """A handler that prints them is a handler that prints."""
    child = kept.start()
    child.childDataReceived(1, b"relay: ready\nrelay: draining\nready\ndraining\n")
    assert not child.ready.called
    assert children(kept) == {child}
    assert [text for _, text in logged] == ["relay: ready", "relay: draining", "ready", "draining"]
    say(child, READY)
    say(child, READY)
    assert child.ready.called


def test_the_level_of_a_line_survives(kept: ManagedProcess, logged: list[Any]) -> None:
    child = kept.start()
    child.childDataReceived(1, b"  printed\n<4>said by a library\n\n")
    child.childDataReceived(2, b"Fatal\n")
    assert logged == [
        (LogLevel.info, "  printed"),
        (LogLevel.warn, "said by a library"),
        (LogLevel.warn, "Fatal"),
    ]


def test_noise_is_left_out(kept: ManagedProcess, logged: list[Any]) -> None:
    kept.is_noise = lambda line: "advice" in line
    child = kept.start()
    child.childDataReceived(1, b"<4>advice of each start\nnews\n")
    assert logged == [(LogLevel.info, "news")]


def test_a_line_without_an_end_takes_up_little_memory(kept: ManagedProcess, logged: list[Any]) -> None:
    child = kept.start()
    for _ in range(300):
        child.childDataReceived(1, b"y" * 10_000)
        assert len(child._lines[1]._rest) <= output.LONGEST_LINE
    child.childDataReceived(1, b"z\nnext\n" + b"x" * 20_000 + b"\nlast")
    first, second, third = [text for _, text in logged]
    assert first.startswith("yyy")
    assert "cut" in first
    assert second == "next"
    assert "cut" in third
    say(child, READY)
    say(child, DRAINING)  # so that its end is none to log
    end(child)
    assert logged[-1][1] == "last"


def test_lines_are_put_together_from_pieces_each_descriptor_apart(
    kept: ManagedProcess, logged: list[Any]
) -> None:
    child = kept.start()
    for descriptor, piece in ((1, b"a"), (2, b"b"), (1, b"\xc3"), (1, b"\xa4\r\n"), (2, b"c\n")):
        child.childDataReceived(descriptor, piece)
    assert [text for _, text in logged] == ["aä", "bc"]


def test_a_process_that_does_not_leave_is_killed_after_its_time(
    kept: ManagedProcess, no_logged_failures: list[LogEvent]
) -> None:
    """Also one that has a successor, long before everything stops."""
    clock: Any = kept.clock
    first = kept.start()
    say(first, READY)
    second = kept.start()
    say(second, READY)
    assert orders(first) == ["drain 50.0\n"]
    for _ in range(int(SUCCEEDED + PATIENCE) - 1):
        clock.advance(1)
        say(first, ALIVE)
        say(second, ALIVE)
    assert signals(first) == []
    clock.advance(1)
    assert signals(first) == [signal.SIGKILL]
    assert signals(second) == []
    assert no_logged_failures.pop()["name"] == first.name


def test_a_process_that_was_told_to_leave_by_another_hears_how_long_it_has(
    kept: ManagedProcess, no_logged_failures: list[LogEvent]
) -> None:
    first = kept.start()
    say(first, READY)
    say(first, DRAINING)
    assert len(children(kept)) == 2
    assert orders(first) == ["drain 50.0\n"]
    assert signals(first) == []


def test_when_everything_stops_those_that_drain_already_have_less_time(
    kept: ManagedProcess, no_logged_failures: list[LogEvent]
) -> None:
    clock: Any = kept.clock
    first = kept.start()
    say(first, READY)
    second = kept.start()
    say(second, READY)
    stopping = Deferred.fromCoroutine(kept.stop())
    say(second, DRAINING)
    assert (orders(first), orders(second)) == (["drain 50.0\n", "drain 7.0\n"], ["drain 7.0\n"])
    clock.advance(DRAIN + PATIENCE)
    assert signals(first) == signals(second) == [signal.SIGKILL]
    end(first)
    end(second)
    assert stopping.called
    assert [event["seconds"] for event in no_logged_failures] == [DRAIN + PATIENCE] * 2
    no_logged_failures.clear()


def test_a_process_that_may_hang_in_an_import_is_sent_a_signal_as_well(kept: ManagedProcess) -> None:
    child = kept.start()
    Deferred.fromCoroutine(kept.stop())
    assert (orders(child), signals(child)) == (["drain 7.0\n"], [signal.SIGTERM])


def test_a_program_that_knows_how_to_end_is_sent_no_signal() -> None:
    shut: list[bool] = []
    kept = ManagedProcess(
        Reactor(), "redis", 0, Program(["redis"], {}, 0, 0, shut_down=lambda: shut.append(True))
    )
    child = kept.start()
    stopping = Deferred.fromCoroutine(kept.stop())
    assert (shut, orders(child), signals(child)) == ([True], [], [])
    end(child)
    assert stopping.called


def test_a_program_that_does_not_hear_is_killed() -> None:
    def refuse() -> None:
        raise ConnectionRefusedError

    kept = ManagedProcess(Reactor(), "redis", 0, Program(["redis"], {}, 0, 0, shut_down=refuse))
    child = kept.start()
    Deferred.fromCoroutine(kept.stop())
    assert signals(child) == [signal.SIGKILL]


def test_nothing_is_replaced_while_everything_stops(kept: ManagedProcess) -> None:
    child = kept.start()
    say(child, READY)
    Deferred.fromCoroutine(kept.stop())
    Deferred.fromCoroutine(kept.replace())
    assert children(kept) == {child}


def test_a_process_shares_a_socket_with_the_one_before_it() -> None:
    kept = ManagedProcess(Reactor(), "front", 1, Program(["program"], {}, DRAIN, SUCCEEDED, passes_on=True))
    reactor: Any = kept.clock
    first = kept.start()
    say(first, READY)
    estate = first.estate
    assert estate is not None
    kept.start()
    assert first.estate is None
    assert estate.fileno() == -1
    handed = [msgspec.json.decode(env[VARIABLE], type=Handed) for env in reactor.environments]
    assert (handed[0].successor, handed[0].predecessor) == (5, -1)
    assert (handed[1].successor, handed[1].predecessor) == (5, 6)
    Deferred.fromCoroutine(kept.stop())
    assert all(child.estate is None for child in children(kept))


def front() -> ManagedProcess:
    return ManagedProcess(Reactor(), "front", 1, Program(["program"], {}, DRAIN, SUCCEEDED, passes_on=True))


def test_one_that_could_not_be_started_leaves_the_socket_to_the_next(
    no_logged_failures: list[LogEvent],
) -> None:
    """Else the one before it would wait for a successor until its time is over."""
    kept = front()
    reactor: Any = kept.clock
    first, spawn = kept.start(), reactor.spawnProcess
    say(first, READY)

    def refuses(*_: Any, **__: Any) -> None:
        raise BlockingIOError("no process is left")

    reactor.spawnProcess = refuses
    kept.start()
    assert first.estate is not None
    reactor.spawnProcess = spawn
    reactor.advance(no_logged_failures.pop()["pause"])
    assert first.estate is None
    assert msgspec.json.decode(reactor.environments[-1][VARIABLE], type=Handed).predecessor == 6


def test_one_that_gives_up_before_it_is_ready_waits_for_no_successor(
    no_logged_failures: list[LogEvent],
) -> None:
    child = front().start()
    say(child, DRAINING)
    assert child.estate is None


def test_who_is_ready_takes_over_from_all_before_it(kept: ManagedProcess) -> None:
    """Also where yet another one was started meanwhile."""
    first = kept.start()
    say(first, READY)
    second, third = kept.start(), kept.start()
    say(second, READY)
    assert (first.leaving, second.leaving, third.leaving) == (True, False, False)
    say(third, READY)
    assert (second.leaving, third.leaving) == (True, False)


def test_a_process_that_leaves_in_time_is_not_killed() -> None:
    kept = ManagedProcess(Reactor(), "front", 1, Program(["program"], {}, DRAIN, SUCCEEDED))
    clock: Any = kept.clock
    first = kept.start()
    say(first, READY)
    say(first, DRAINING)
    end(first)
    assert not clock.getDelayedCalls()


def test_a_process_has_ended_even_if_another_keeps_its_output_open(
    kept: ManagedProcess, no_logged_failures: list[LogEvent]
) -> None:
    """As a program does that a handler started, and that outlives the worker."""
    clock: Any = kept.clock
    buried: list[str] = []
    kept.on_exit = buried.append
    child = kept.start()
    process: Any = child.process
    child.processExited(Failure(ProcessTerminated(signal=9)))
    clock.advance(LAST_OUTPUT)
    assert buried == [child.name]
    assert CONTROL in process.closed
    clock.advance(1)
    assert len(children(kept)) == 1
    child.processEnded(Failure(ProcessTerminated(signal=9)))
    assert buried == [child.name]
    no_logged_failures.pop()


def test_a_process_that_gave_signs_of_life_and_gives_none_is_killed(
    kept: ManagedProcess, no_logged_failures: list[LogEvent]
) -> None:
    """Its interpreter is stuck in a call that lets no other thread run."""
    clock: Any = kept.clock
    child = kept.start()
    clock.advance(10 * SILENCE)  # it starts
    say(child, ALIVE)
    for _ in range(100):
        clock.advance(LISTEN)
        say(child, ALIVE)
    clock.pump([LISTEN] * int(SILENCE))
    assert signals(child) == []
    clock.advance(LISTEN)
    assert signals(child) == [signal.SIGKILL]
    assert no_logged_failures.pop()["seconds"] == SILENCE


def test_a_parent_that_was_stopped_kills_nobody(kept: ManagedProcess) -> None:
    """It has not read what they said meanwhile."""
    clock: Any = kept.clock
    child = kept.start()
    say(child, ALIVE)
    for _ in range(10):
        clock.advance(10 * SILENCE)
        say(child, ALIVE)
    assert signals(child) == []


def test_a_process_that_never_gives_a_sign_of_life_is_killed(
    kept: ManagedProcess, no_logged_failures: list[LogEvent]
) -> None:
    """It hangs in an import, and whoever waits for it to be ready would wait for ever."""
    clock: Any = kept.clock
    child = kept.start()
    clock.pump([LISTEN] * (int(SILENCE) + 1))
    assert signals(child) == [signal.SIGKILL]
    no_logged_failures.pop()


def test_a_kind_of_process_that_gives_no_signs_of_life_is_left_alone() -> None:
    kept = ManagedProcess(Reactor(), "front", 1, Program(["program"], {}, DRAIN, SUCCEEDED))
    clock: Any = kept.clock
    child = kept.start()
    clock.pump([LISTEN] * 100)
    assert signals(child) == []
    assert not clock.getDelayedCalls()


def test_a_process_that_gives_up_before_it_is_ready_is_started_again_after_a_pause(
    kept: ManagedProcess, no_logged_failures: list[LogEvent]
) -> None:
    pauses: list[float] = []
    reactor: Any = kept.clock
    for number in range(1, 6):
        (child,) = children(kept) or {kept.start()}
        say(child, DRAINING)
        assert children(kept) == {child}
        end(child)
        assert len(reactor.environments) == number
        pauses.append(no_logged_failures.pop()["pause"])
        reactor.advance(pauses[-1])
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8]


def test_a_process_that_can_not_be_started_is_tried_again(
    kept: ManagedProcess, no_logged_failures: list[LogEvent]
) -> None:
    reactor: Any = kept.clock
    spawn = reactor.spawnProcess

    def refuses(*_: Any, **__: Any) -> None:
        raise BlockingIOError("no process is left")

    reactor.spawnProcess = refuses
    assert kept.start().ended.called
    assert children(kept) == set()
    reactor.spawnProcess = spawn
    reactor.advance(no_logged_failures.pop()["pause"])
    assert len(children(kept)) == 1
    stopping = Deferred.fromCoroutine(kept.stop())
    end(children(kept).pop())
    assert stopping.called


# -- processes that run already --


class Quiet(Reactor):
    """One that reads and writes nothing by itself."""

    def addReader(self, *_: Any) -> None: ...

    addWriter = removeReader = removeWriter = addReader


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, tuple[int, int]]]:
    """The pipes of a process that another program started; it is never signalled or waited for."""
    monkeypatch.setattr(adopted_process, "registerReapProcessHandler", lambda pid, process: None)
    monkeypatch.setattr(
        adopted_process.AdoptedProcess, "signalProcess", lambda self, number: self.sent.append(number)
    )
    monkeypatch.setattr(adopted_process.AdoptedProcess, "sent", [], raising=False)
    pairs = {0: os.pipe(), 1: os.pipe(), 2: os.pipe(), CONTROL: os.pipe(), ORDERS: os.pipe()}
    descriptors = [each for pair in pairs.values() for each in pair]
    for descriptor in descriptors:
        os.set_blocking(descriptor, False)
    yield pairs
    for descriptor in descriptors:
        os.close(descriptor)


def taken_over(
    running: dict[int, tuple[int, int]], clock: Quiet, **changed: Any
) -> tuple[ManagedProcess, reexec.ManagedState]:
    ours = {its: pair[its in (0, ORDERS)] for its, pair in running.items()}
    fields: dict[str, Any] = {"is_ready": True, "is_leaving": False, "killed_at": None, "estate": -1}
    fields |= {"unread": {1: b"half "}, "pieces": {}}
    child = reexec.ChildState("w1", 1, CONTROL, ORDERS, ours, **{**fields, **changed})
    state = reexec.ManagedState("worker", 1, not changed.get("is_leaving", False), 5.0, [child])
    kept = ManagedProcess(clock, "worker", 1, Program(["program"], {}, DRAIN, SUCCEEDED, SILENCE))
    kept.adopt(state)
    return kept, state


def test_a_process_that_runs_already_is_gone_on_with(
    running: dict[int, tuple[int, int]], logged: list[Any]
) -> None:
    """And can be left to yet another program."""
    kept, state = taken_over(running, Quiet())
    assert kept.has_process()
    assert (kept.began, kept.state()) == (5.0, state)
    (child,) = children(kept)
    child.childDataReceived(1, b"a line\n")
    assert logged == [(LogLevel.info, "half a line")]


def test_it_is_replaced_like_any_other(running: dict[int, tuple[int, int]]) -> None:
    clock = Quiet()
    kept, _ = taken_over(running, clock)
    (child,) = children(kept)
    Deferred.fromCoroutine(kept.replace())
    (successor,) = children(kept) - {child}
    say(successor, READY)
    assert child.leaving
    process: Any = child.process
    process.pipes[ORDERS].doWrite()
    assert os.read(running[ORDERS][0], 100) == b"drain 50.0\n"


def test_one_that_was_told_to_leave_has_the_rest_of_its_time(
    running: dict[int, tuple[int, int]], no_logged_failures: list[LogEvent]
) -> None:
    clock = Quiet()
    kept, _ = taken_over(running, clock, is_leaving=True, killed_at=3.0)
    (child,) = children(kept)
    assert not kept.has_process()
    clock.advance(2.9)
    process: Any = child.process
    assert process.sent == []
    clock.advance(0.1)
    assert process.sent == [signal.SIGKILL]
    assert no_logged_failures.pop()["name"] == "w1"


def test_what_it_would_hand_over_is_handed_over(running: dict[int, tuple[int, int]]) -> None:
    estate, other = socket.socketpair()
    with other:
        kept, _ = taken_over(running, Quiet(), estate=estate.detach())
        (child,) = children(kept)
        assert child.estate is not None
        kept.signal(signal.SIGHUP)
        Deferred.fromCoroutine(kept.retire())
        assert child.estate is None
        assert child.leaving


def test_one_that_drains_and_fails_then_is_told_of_and_not_started_again(
    kept: ManagedProcess, lines: list[str]
) -> None:
    first = kept.start()
    say(first, READY)
    second = kept.start()
    say(second, READY)
    first.processExited(Failure(ProcessTerminated(signal=9)))
    first.processEnded(Failure(ProcessTerminated(signal=9)))
    assert children(kept) == {second}
    assert any(f"worker 1 ({first.name}) ended while it drained" in line for line in lines)


def test_after_a_steady_while_the_pause_before_a_start_is_short_again(
    kept: ManagedProcess, no_logged_failures: list[LogEvent]
) -> None:
    clock: Any = kept.clock
    pauses = []
    for seconds in (0, 0, int(STEADY) + 1):
        (child,) = children(kept) or {kept.start()}
        say(child, READY)
        for _ in range(seconds):
            clock.advance(1)
            say(child, ALIVE)
        end(child)
        pauses.append(no_logged_failures.pop()["pause"])
        clock.advance(pauses[-1])
    assert pauses == [RESTART.first, 2 * RESTART.first, RESTART.first]
