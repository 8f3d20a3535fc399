"""What goes on beside a handler: pauses, calls in threads, programs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from relay.handlers.finished import Finished
from relay.model.problems.raised import OutputTooLarge
from relay.worker.aside import Aside, Means
from relay.worker.programs import no_programs, run
from tests.processes import eventually

SAID: ContextVar[str] = ContextVar("said", default="nothing")


class Threads:
    """Threads that run what they are given when the test says so."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def __call__(self, function: Callable[[], Any], /) -> Deferred[Any]:
        self.calls.append((function, Deferred()))
        return self.calls[-1][1]

    def run(self) -> None:
        function, waiting = self.calls.pop()
        maybeDeferred(function).addBoth(waiting.callback)


class Desk:
    def __init__(self) -> None:
        self.clock, self.threads = Clock(), Threads()
        self.aside = Aside(Means(self.clock, self.threads, no_programs))


def results(of: Deferred[Any]) -> list[Any]:
    found: list[Any] = []
    of.addBoth(found.append)
    return found


def test_a_pause_is_over_after_its_seconds_by_the_workers_clock() -> None:
    desk = Desk()
    found = results(desk.aside.sleep(5))
    desk.clock.advance(4.9)
    assert found == []
    desk.clock.advance(0.1)
    assert found == [None]


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_pause_that_has_no_end_or_lies_behind_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="a pause is a number of seconds from 0"):
        Desk().aside.sleep(seconds)


def test_the_end_of_the_attempt_ends_a_pause_and_leaves_no_timer() -> None:
    desk = Desk()
    found = results(desk.aside.sleep(5))
    desk.aside.close()
    assert found[0].check(CancelledError)
    assert desk.clock.getDelayedCalls() == []
    with pytest.raises(CancelledError):
        desk.aside.sleep(1)


def test_a_function_in_a_thread_sees_the_variables_of_its_caller() -> None:
    desk = Desk()
    token = SAID.set("hello")
    found = results(desk.aside.thread(SAID.get))
    SAID.reset(token)
    desk.threads.run()
    assert found == ["hello"]


def test_a_function_in_a_thread_may_return_a_deferred_and_raise() -> None:
    desk = Desk()
    found = results(desk.aside.thread(lambda: Deferred()))  # type: ignore[arg-type, return-value]
    desk.threads.run()
    assert found == []  # it is waited for
    raised = results(desk.aside.thread(lambda: 1 / 0))
    desk.threads.run()
    assert raised[0].check(ZeroDivisionError)


def test_what_a_thread_returns_after_the_attempts_end_is_dropped_and_what_waits_is_not_begun() -> None:
    desk = Desk()
    called: list[int] = []
    found = results(desk.aside.thread(lambda: called.append(1)))
    desk.aside.close()
    desk.threads.run()
    assert called == []
    assert [failure.type for failure in found] == [CancelledError]


# -- programs --


def python(code: str, *more: str, **options: Any) -> Deferred[Finished]:
    from twisted.internet import reactor

    given = {"given": b"", "environment": None, "most": 1 << 20, **options}
    return run(reactor.spawnProcess, [sys.executable, "-c", code, *more], **given)  # type: ignore[attr-defined]


def is_running(process: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.processes
@ensureDeferred
async def test_a_program_reads_and_writes_bytes_and_its_status_is_told() -> None:
    code = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1]); sys.exit('no')"
    data = os.urandom(300_000)
    finished = await python(code, given=data)
    assert finished == Finished(1, data[::-1], b"no\n")
    assert await python("") == Finished(0, b"", b"")


@pytest.mark.processes
@ensureDeferred
async def test_a_program_that_reads_nothing_of_much_ends_as_it_does() -> None:
    assert await python("raise SystemExit(3)", given=bytes(10_000_000)) == Finished(3, b"", b"")


@pytest.mark.processes
@ensureDeferred
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE])
async def test_a_program_that_ends_by_a_signal_has_it_as_its_code(number: signal.Signals) -> None:
    code = f"import os, signal; signal.signal({int(number)}, 0); os.kill(os.getpid(), {int(number)})"
    if number is signal.SIGKILL:
        code = "import os; os.kill(os.getpid(), 9)"
    assert (await python(code)).code == -number


@pytest.mark.processes
@ensureDeferred
async def test_a_program_has_the_variables_that_it_is_given_and_none_of_relays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RELAY_REDIS", "redis://:secret@localhost")
    monkeypatch.setenv("_RELAYCHILD", "{}")
    monkeypatch.setenv("OTHER", "seen")
    code = "import os; print(sorted({'RELAY_REDIS', '_RELAYCHILD', 'OTHER'} & {*os.environ}))"
    assert (await python(code)).output == b"['OTHER']\n"
    assert (await python("import os; print(os.environ['X'])", environment={"X": "1"})).output == b"1\n"


@pytest.mark.processes
@ensureDeferred
async def test_a_program_has_signals_and_descriptors_as_if_a_shell_ran_it() -> None:
    code = (
        "import os, signal; print(os.listdir('/proc/self/fd').__len__(), signal.pthread_sigmask(0, ()), "
        "signal.getsignal(15) is signal.SIG_DFL)"
    )
    shown = (await python(code)).output.decode().strip()
    assert shown == "4 set() True"  # the three streams, and the one that lists


def test_a_program_that_is_not_there_is_told_of_before_anything_runs() -> None:
    with pytest.raises(FileNotFoundError, match="there is no program 'no-such-program'"):
        run(no_programs, ["no-such-program"], b"", None, 0)
    with pytest.raises(TypeError, match="needs a command"):
        run(no_programs, [], b"", None, 0)


@pytest.mark.processes
@ensureDeferred
async def test_a_program_that_can_not_be_run_says_why(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    from twisted.internet import reactor

    finished = await run(reactor.spawnProcess, [program], b"", None, 0)  # type: ignore[attr-defined]
    assert (finished.code, finished.errors) == (127, f"{program}: Exec format error\n".encode())


@pytest.mark.processes
@ensureDeferred
async def test_a_program_that_writes_too_much_is_killed(tmp_path: Path) -> None:
    code = f"import os; open({str(tmp_path / 'id')!r}, 'w').write(str(os.getpid()))\nwhile True: print('x' * 999)"
    with pytest.raises(OutputTooLarge) as caught:
        await python(code, most=100_000)
    assert caught.value.members == {"limit": 100_000}
    process = int((tmp_path / "id").read_text())
    await deferToThread(eventually, lambda: not is_running(process), "it has ended")


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("no", file=sys.stderr, flush=True))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(999)"])
with open(sys.argv[1] + "~", "w") as told: told.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + "~", sys.argv[1])
while True: time.sleep(999)
"""


@pytest.mark.processes
@ensureDeferred
async def test_a_cancelled_program_ends_with_all_that_it_has_started_even_if_it_does_not_want_to(
    tmp_path: Path,
) -> None:
    told = tmp_path / "ids"
    running = python(STUBBORN, str(told))
    await deferToThread(eventually, told.exists, "it runs")
    processes = [int(id) for id in told.read_text().split()]
    assert all(map(is_running, processes))
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    await deferToThread(eventually, lambda: not any(map(is_running, processes)), "both have ended")


@pytest.mark.processes
@ensureDeferred
async def test_what_a_program_leaves_behind_ends_with_it() -> None:
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)']).pid)"
    finished = await python(code)
    await deferToThread(eventually, lambda: not is_running(int(finished.output)), "it has ended")
