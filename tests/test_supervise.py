"""What the supervisor does for processes that have died, with a store that says what the test wants."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.errors import StoreAway
from relay.kept import Kept, Program
from relay.supervise import Supervisor


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


def supervised(clock: Clock, store: Any) -> tuple[Supervisor, Kept]:
    kept = Kept(clock, "worker", 1, Program(["program"], {}, 1, 1))
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
