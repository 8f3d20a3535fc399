"""What the supervisor does for processes that have died, with a store that says what the test wants."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.model.problems.request import StoreAway
from relay.model.settings import SettingError
from relay.process.managed import ManagedProcess, Program
from relay.process.reexec import Inherited, ManagedState
from relay.process.spawned import READY, Child
from relay.process.supervisor import Reexecution, Supervisor
from tests.process.test_managed import DRAIN, SUCCEEDED, Reactor, end, orders, say, signals


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
    kept.on_exit("w1")
    clock.pump([0.2] * 325)
    assert len(store.reaped) == 322
    assert [event["name"] for event in no_logged_failures] == ["w1", "w1"]
    assert {event["log_failure"].type for event in no_logged_failures} == {ValueError}
    no_logged_failures.clear()


def test_a_store_that_is_away_is_told_of_after_a_minute(no_logged_failures: list[LogEvent]) -> None:
    clock = Clock()
    store = Store(*[StoreAway()] * 302)
    _, kept = supervised(clock, store)
    kept.on_exit("w1")
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
    kept.on_exit("w1")
    assert store.reaped == ["w1"]
    assert not supervisor._reaping


def test_a_supervisor_that_restarts_in_place_or_stops_is_not_taken_for_one_that_died() -> None:
    """It has another name afterwards; whoever looks at the relay would hear that the former one is silent."""
    store, left = Store(), list[tuple[str, str]]()
    renewal = Reexecution(lambda: succeed(None), lambda kept, buried: left.extend(buried))
    supervisor = Supervisor(Clock(), None, [], store, renewal, "s1")  # type: ignore[arg-type]
    supervisor.running = True
    supervisor.restart()
    assert left == [("supervisor", "s1")]
    supervisor.stopService()
    assert store.reaped == ["s1"]


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


# -- start and stop --


class Whole:
    """A supervisor with all that it looks after, on a reactor that starts nothing."""

    def __init__(self, renewal: Reexecution | None = None) -> None:
        self.done: list[str] = []
        self.reactor = Reactor()
        self.store = Store()
        self.store.start = lambda: self.done.append("store")  # type: ignore[method-assign]
        self.store.stop = lambda: succeed(self.done.append("store stops"))  # type: ignore[method-assign]
        end = Program(["redis"], {}, 0, 0, shut_down=lambda: self.done.append("redis shuts down"))
        self.redis = ManagedProcess(self.reactor, "redis", 0, end)
        self.front, self.worker = self.place("front", 1), self.place("worker", 1)
        children = [self.front, self.worker]
        self.supervisor = Supervisor(self.reactor, self.redis, children, self.store, renewal)  # type: ignore[arg-type]
        self.supervisor.hang_up = lambda: self.done.append("hangs up")
        self.supervisor.release = lambda: self.done.append("over")

    def place(self, role: str, number: int) -> ManagedProcess:
        return ManagedProcess(self.reactor, role, number, Program(["program"], {}, DRAIN, SUCCEEDED))

    def started(self) -> list[int]:
        """How many processes there are of Redis, fronts and workers."""
        return [len(kept._all) for kept in (self.redis, self.front, self.worker)]


def only(kept: ManagedProcess) -> Child:
    """The process that has no successor."""
    assert kept._child is not None
    return kept._child


def test_all_is_started_and_ready_once_a_front_is() -> None:
    whole = Whole()
    whole.supervisor.startService()
    assert (whole.started(), whole.done) == ([1, 1, 1], ["store"])
    say(only(whole.worker), READY)
    assert not whole.supervisor.ready.called
    for _ in range(2):
        say(only(whole.front), READY)
    assert whole.supervisor.ready.called


def test_redis_ends_after_those_who_need_it() -> None:
    whole = Whole()
    whole.supervisor.startService()
    for kept in (whole.front, whole.worker):
        say(only(kept), READY)
    stopping = whole.supervisor.stopService()
    assert [orders(only(kept)) for kept in (whole.front, whole.worker)] == [[f"drain {DRAIN}\n"]] * 2
    assert whole.done == ["store", "hangs up"]
    end(only(whole.front))
    end(only(whole.worker))
    assert whole.done == ["store", "hangs up", "store stops", "redis shuts down"]
    assert not stopping.called
    end(only(whole.redis))
    assert whole.done[-1] == "over"
    assert stopping.called


def test_at_once_everybody_is_killed_and_redis_is_not() -> None:
    whole = Whole()
    whole.supervisor.startService()
    whole.supervisor.stop_at_once()
    assert [signals(only(kept)) for kept in (whole.front, whole.worker)] == [[signal.SIGKILL]] * 2
    assert signals(only(whole.redis)) == []
    assert whole.done == ["store", "redis shuts down"]


def test_a_restart_replaces_one_after_the_other_and_a_reload_workers_only() -> None:
    whole = Whole()
    whole.supervisor.startService()
    for kept in (whole.front, whole.worker):
        say(only(kept), READY)
    whole.supervisor.restart()
    assert whole.started() == [1, 2, 1]
    say(only(whole.front), READY)
    assert whole.started() == [1, 2, 2]
    say(only(whole.worker), READY)
    whole.supervisor.reload()
    assert whole.started() == [1, 2, 3]


def test_nothing_is_replaced_while_everything_stops(lines: list[str]) -> None:
    whole = Whole()
    whole.supervisor.startService()
    say(only(whole.worker), READY)
    whole.supervisor.stopService()
    whole.supervisor.restart()
    whole.supervisor.reload()
    assert whole.started() == [1, 1, 1]
    assert "nothing is replaced, because relay stops" in lines


def test_what_can_not_become_itself_anew_replaces_its_children_all_the_same(
    no_logged_failures: list[LogEvent],
) -> None:
    def fails(kept: Any, buried: Any) -> None:
        raise OSError("no memory")

    whole = Whole(Reexecution(lambda: succeed(None), fails))
    whole.supervisor.startService()
    whole.supervisor.restart()
    assert whole.started() == [1, 2, 1]
    assert "no memory" in str(no_logged_failures.pop()["log_failure"])


def test_a_check_that_breaks_off_replaces_nothing_and_the_next_is_heard(
    no_logged_failures: list[LogEvent],
) -> None:
    answers: list[Deferred[None]] = [fail(ValueError("of ours")), succeed(None)]
    whole = Whole(Reexecution(lambda: answers.pop(0), lambda kept, buried: None))
    whole.supervisor.startService()
    whole.supervisor.restart()
    assert whole.started() == [1, 1, 1]
    no_logged_failures.pop()
    whole.supervisor.restart()
    assert whole.started() == [1, 2, 1]


def test_a_successor_that_can_not_be_waited_for_leaves_the_others_as_they_are(
    no_logged_failures: list[LogEvent],
) -> None:
    whole = Whole()
    whole.supervisor.startService()

    async def breaks() -> None:
        raise ValueError("of ours")

    whole.front.replace = breaks  # type: ignore[method-assign]
    whole.supervisor.restart()
    assert whole.started() == [1, 1, 1]
    no_logged_failures.pop()
    whole.supervisor.reload()
    assert whole.started() == [1, 1, 2]


def test_what_has_no_place_any_more_leaves_and_what_had_ended_is_given_back() -> None:
    whole = Whole()
    retired = whole.place("worker", 2)
    states = [ManagedState("worker", 2, True, 1.0, [])]
    whole.supervisor.adopt(Inherited([], states, [("worker 3", "w3")]), lambda role, number: retired)
    child = retired.start()
    say(child, READY)
    whole.supervisor.startService()
    assert orders(child) == [f"drain {SUCCEEDED}\n"]
    assert whole.store.reaped == ["w3"]
    end(child)
    assert whole.store.reaped == ["w3", child.name]
    assert len(retired._all) == 0
