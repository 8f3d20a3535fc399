"""What the supervisor does for processes that have died, with a store that says what the test wants."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.model.problems.request import StoreAway
from relay.model.settings import SettingError
from relay.process.managed import ManagedProcess, Program
from relay.process.reexec import Inherited, ManagedState
from relay.process.supervisor import Reexecution, Supervisor


class Store:
    """Answers `reap` in the order given, then with nothing."""

    def __init__(self, *answers: list[str] | Exception) -> None:
        self.answers = list(answers)
        self.reaped: list[str] = []

    def start(self) -> None: ...

    def stop(self) -> Deferred[None]:
        return succeed(None)

    async def reap(self, process: str) -> list[str]:
        self.reaped.append(process)
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer


def supervised(clock: Clock, store: Any) -> tuple[Supervisor, ManagedProcess]:
    kept = ManagedProcess(clock, "worker", 1, Program(["program"], {}, 1, 1))
    supervisor = Supervisor(clock, None, [kept], store)
    supervisor.running = True
    return supervisor, kept


def test_reaping_goes_on_after_any_error_and_says_so_once_a_minute(
    no_logged_failures: list[LogEvent],
) -> None:
    clock = Clock()
    store = Store(*[ValueError("NOPERM")] * 320, StoreAway(), ["0-a-b"])
    _, kept = supervised(clock, store)
    kept.buried("w1")
    clock.pump([0.2] * 325)
    assert len(store.reaped) == 322
    assert [event["name"] for event in no_logged_failures] == ["w1", "w1"]
    assert {event["log_failure"].type for event in no_logged_failures} == {ValueError}
    no_logged_failures.clear()


def test_a_store_that_is_away_is_told_of_after_a_minute(no_logged_failures: list[LogEvent]) -> None:
    clock = Clock()
    store = Store(*[StoreAway()] * 302)
    _, kept = supervised(clock, store)
    kept.buried("w1")
    clock.pump([0.2] * 298)
    assert not no_logged_failures
    clock.pump([0.2] * 10)
    assert len(store.reaped) == 303
    assert len(no_logged_failures) == 1
    no_logged_failures.clear()


def test_what_was_killed_while_everything_stops_is_given_back_too() -> None:
    store = Store(StoreAway(), ["never asked for"])
    supervisor, kept = supervised(Clock(), store)
    supervisor.running = False
    kept.buried("w1")
    assert store.reaped == ["w1"]
    assert not supervisor._reaping


def test_what_changes_while_settings_are_looked_at_is_looked_at_again(
    no_logged_failures: list[LogEvent],
) -> None:
    """Whoever mends a mistake and says so is heard, and whoever makes one meanwhile does not end relay."""
    checks: list[Deferred[None]] = []
    went: list[str] = []

    def check() -> Deferred[None]:
        checks.append(Deferred())
        return checks[-1]

    renewal = Reexecution(check, lambda kept, buried: went.append("on"))
    supervisor = Supervisor(Clock(), None, [], Store(), renewal)  # type: ignore[arg-type]
    supervisor.running = True
    for _ in range(3):
        supervisor.restart()
    assert len(checks) == 1
    checks[0].errback(SettingError("a mistake that was mended"))
    assert len(checks) == 2
    supervisor.restart()
    checks[1].callback(None)
    assert not went
    checks[2].errback(SettingError("a mistake made since"))
    assert not went
    assert [str(event["error"]) for event in no_logged_failures] == ["a mistake made since"]
    no_logged_failures.clear()
    supervisor.restart()
    checks[3].callback(None)
    assert went == ["on"]


def test_the_oldest_are_replaced_first() -> None:
    """So each has its turn where requests come faster than processes start."""
    clock = Clock()
    children = [
        ManagedProcess(clock, "worker", number, Program(["program"], {}, 1, 1)) for number in (1, 2, 3)
    ]
    replaced: list[int] = []
    for child in children:
        child.has_process = lambda: True  # type: ignore[method-assign]
        child.replace = lambda number=child.number: record(number)  # type: ignore[method-assign, misc]

    async def record(number: int) -> None:
        replaced.append(number)

    states = [
        ManagedState("worker", number, True, began, []) for number, began in ((1, 30.0), (2, 10.0), (3, 20.0))
    ]
    supervisor = Supervisor(clock, None, children, Store())  # type: ignore[arg-type]
    supervisor.adopt(Inherited([], states, []), lambda role, number: children[0])
    supervisor.startService()
    assert replaced == [2, 3, 1]
